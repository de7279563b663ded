! A program outside of this project, in Fortran: wrong use of the module muster_policy, each case with its message; and
! what the policy says of two observations under a mask.
! usage: wrong_use RUN_OR_CHECKPOINT
program wrong_use
  use, intrinsic :: iso_c_binding
  use muster_policy
  implicit none
  type(trained_policy) :: policy
  character(len=:), allocatable :: error
  character(len=1024) :: path
  real(c_float) :: observations(4, 2), probabilities(2, 2), values(2)
  integer(c_int32_t) :: numbers(4, 2), actions(1, 2)
  logical :: masks(2, 2), wide_masks(3, 2)
  integer :: i

  observations = 0
  numbers = 0
  masks(:, 1) = [.true., .false.]
  masks(:, 2) = [.false., .true.]
  wide_masks = .true.
  call get_command_argument(1, path)
  call policy%act(observations, actions, error)
  print '(a)', error
  call policy%open(trim(path)//'/nowhere', error)
  print '(l1)', allocated(error)
  call policy%open(trim(path), error)
  if (allocated(error)) error stop error
  call policy%act(numbers, actions, error)
  print '(a)', error
  call policy%act(observations(:3, :), actions, error)
  print '(a)', error
  call policy%act(observations, actions(:, :1), error)
  print '(a)', error
  call policy%act(observations, actions, error, masks=wide_masks)
  print '(a)', error
  call policy%action_values(observations, probabilities, error)
  print '(a)', error

  call policy%act(observations, actions, error, masks=masks)
  if (allocated(error)) error stop error
  call policy%probabilities(observations, probabilities, error, masks)
  if (allocated(error)) error stop error
  call policy%values(observations, values, error)
  if (allocated(error)) error stop error
  print '(a,2i2,4f5.1,l2)', 'masked:', actions, (probabilities(:, i), i=1, 2), values(1) == values(2)
  print '(4a,i0,3i3)', policy%environment(), ' ', policy%algorithm(), ' ', policy%total_steps(), &
    policy%observation_elements(), policy%action_elements(), policy%choices()
  call policy%close()
end program wrong_use
