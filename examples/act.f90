! How your own program in Fortran uses a trained policy: this one balances a pole, and says how sure the policy is.
!
! The physics below stand for your simulator: the policy sees only four numbers and answers with 0 or 1. Built with
! muster/fortran/muster_policy.f90 and libmuster-policy, without MPI.
!
!   act_fortran RUN_OR_CHECKPOINT
program act_fortran
  use, intrinsic :: iso_c_binding, only: c_float, c_int32_t
  use, intrinsic :: iso_fortran_env, only: error_unit
  use muster_policy, only: trained_policy
  implicit none

  integer, parameter :: steps = 500
  real(8), parameter :: pi = 3.14159265358979d0
  type(trained_policy) :: policy
  character(len=:), allocatable :: error
  character(len=1024) :: path
  real(8) :: x, x_dot, theta, theta_dot ! m, m/s, rad, rad/s
  real(c_float) :: observation(4, 1), probabilities(2, 1)
  integer(c_int32_t) :: push(1, 1)
  real(8) :: least_sure
  integer :: balanced

  if (command_argument_count() /= 1) then
    write (error_unit, '(a)') 'usage: act_fortran RUN_OR_CHECKPOINT'
    stop 2, quiet=.true.
  end if
  call get_command_argument(1, path)
  call policy%open(trim(path), error)
  call check()

  x = 0
  x_dot = 0
  theta = 0.03d0
  theta_dot = 0
  balanced = 0
  least_sure = 1
  do while (balanced < steps .and. abs(x) <= 2.4d0 .and. abs(theta) <= 12*pi/180)
    observation(:, 1) = real([x, x_dot, theta, theta_dot], c_float)
    call policy%act(observation, push, error)
    call check()
    call policy%probabilities(observation, probabilities, error)
    call check()
    least_sure = min(least_sure, real(maxval(probabilities), 8))
    call advance(push(1, 1))
    balanced = balanced + 1
  end do
  print '(a,i0,a,f4.2)', 'balanced for ', balanced, ' steps; its least sure push had the probability ', least_sure
  call policy%close()
  if (balanced < steps) stop 1, quiet=.true.

contains

  subroutine check()
    if (.not. allocated(error)) return
    write (error_unit, '(2a)') 'act_fortran: ', error
    stop 1, quiet=.true.
  end subroutine

  ! one Euler step of 0.02 s; `push` is 0 (left) or 1 (right), 10 N
  subroutine advance(push)
    integer(c_int32_t), intent(in) :: push
    real(8), parameter :: gravity = 9.8d0, total_mass = 1.1d0, pole_mass = 0.1d0, half_length = 0.5d0, tau = 0.02d0
    real(8) :: force, common, angular, linear
    force = merge(10.0d0, -10.0d0, push == 1)
    common = (force + pole_mass*half_length*theta_dot**2*sin(theta))/total_mass
    angular = (gravity*sin(theta) - cos(theta)*common)/ &
              (half_length*(4.0d0/3.0d0 - pole_mass*cos(theta)**2/total_mass))
    linear = common - pole_mass*half_length*angular*cos(theta)/total_mass
    x = x + tau*x_dot
    x_dot = x_dot + tau*linear
    theta = theta + tau*theta_dot
    theta_dot = theta_dot + tau*angular
  end subroutine

end program act_fortran
