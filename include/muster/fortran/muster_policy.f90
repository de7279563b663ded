! muster_policy: trained policies of muster in Fortran. Compile this file with the program, and link libmuster-policy,
! which needs no MPI:
!
!   type(trained_policy) :: policy
!   character(len=:), allocatable :: error
!   real(c_float) :: observation(4, 1)
!   integer(c_int32_t) :: action(1, 1)
!   call policy%open('runs/CartPole-v1/ppo-001', error)
!   if (allocated(error)) error stop error
!   call policy%act(observation, action, error)
!   call policy%close()
!
! Arrays have one column for each observation: observations(elements, n), actions(elements, n). Their kinds are those of
! the policy's spaces: real(c_float) for Box, integer(c_int8_t) for the bytes of images, integer(c_int32_t) for Discrete
! and MultiDiscrete, whose choices count from 0. Elements are in the order of C: the last dimension of a space is the one
! that runs fastest. Where a call fails it assigns a text to `error`, which is not allocated otherwise. What each call
! computes, and its errors, are told in muster/policy.h. examples/act.f90 is a whole program.
module muster_policy
  use, intrinsic :: iso_c_binding
  implicit none
  private

  public :: trained_policy

  integer(c_int), parameter :: SPACE_BOX = 1, SPACE_BOX_U8 = 2
  integer, parameter :: MAX_RANK = 4

  ! muster_space of muster/space.h
  type, bind(C) :: c_space
    integer(c_int) :: kind
    integer(c_int32_t) :: rank
    integer(c_int32_t) :: shape(MAX_RANK)
    type(c_ptr) :: low, high, counts
  end type

  ! A policy is opened once and closed once. Copies of a variable of this type are the same policy.
  type :: trained_policy
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure :: open => open_policy     ! opens a checkpoint, or the newest one of a run folder
    procedure :: close => close_policy   ! does nothing where none is open
    procedure :: act                     ! chooses actions
    procedure :: probabilities           ! of the choices of discrete actions: probabilities(choices, n)
    procedure :: values                  ! expected returns: values(n)
    procedure :: action_values           ! of the choices of Discrete actions: values(choices, n)
    procedure :: seed                    ! restarts the random numbers of stochastic actions
    procedure :: environment, algorithm  ! names
    procedure :: total_steps             ! environment steps of its training
    procedure :: observation_elements, action_elements
    procedure :: choices                 ! of all elements of an action together; 0 for Box
  end type

  interface
    function c_open(path, policy) bind(C, name='muster_policy_open') result(status)
      import :: c_ptr, c_char
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), intent(inout) :: policy
      type(c_ptr) :: status
    end function

    subroutine c_close(policy) bind(C, name='muster_policy_close')
      import :: c_ptr
      type(c_ptr), intent(inout) :: policy
    end subroutine

    function c_act(policy, n, observations, masks, mode, actions) bind(C, name='muster_policy_act_masked') &
      result(status)
      import :: c_ptr, c_size_t, c_int
      type(c_ptr), value :: policy, observations, masks, actions
      integer(c_size_t), value :: n
      integer(c_int), value :: mode
      type(c_ptr) :: status
    end function

    function c_probabilities(policy, n, observations, masks, probabilities) &
      bind(C, name='muster_policy_probabilities') result(status)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: policy, observations, masks, probabilities
      integer(c_size_t), value :: n
      type(c_ptr) :: status
    end function

    function c_values(policy, n, observations, masks, values) bind(C, name='muster_policy_values') result(status)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: policy, observations, masks, values
      integer(c_size_t), value :: n
      type(c_ptr) :: status
    end function

    function c_action_values(policy, n, observations, values) bind(C, name='muster_policy_action_values') &
      result(status)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: policy, observations, values
      integer(c_size_t), value :: n
      type(c_ptr) :: status
    end function

    subroutine c_seed(policy, seed) bind(C, name='muster_policy_seed')
      import :: c_ptr, c_int64_t
      type(c_ptr), value :: policy
      integer(c_int64_t), value :: seed
    end subroutine

    function c_choices(policy) bind(C, name='muster_policy_choices') result(choices)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: policy
      integer(c_size_t) :: choices
    end function

    function c_total_steps(policy) bind(C, name='muster_policy_total_steps') result(steps)
      import :: c_ptr, c_int64_t
      type(c_ptr), value :: policy
      integer(c_int64_t) :: steps
    end function

    function c_env(policy) bind(C, name='muster_policy_env') result(name)
      import :: c_ptr
      type(c_ptr), value :: policy
      type(c_ptr) :: name
    end function

    function c_algorithm(policy) bind(C, name='muster_policy_algorithm') result(name)
      import :: c_ptr
      type(c_ptr), value :: policy
      type(c_ptr) :: name
    end function

    function c_observation_space(policy) bind(C, name='muster_policy_observation_space') result(space)
      import :: c_ptr
      type(c_ptr), value :: policy
      type(c_ptr) :: space
    end function

    function c_action_space(policy) bind(C, name='muster_policy_action_space') result(space)
      import :: c_ptr
      type(c_ptr), value :: policy
      type(c_ptr) :: space
    end function

    function c_message(status) bind(C, name='muster_status_message') result(text)
      import :: c_ptr
      type(c_ptr), value :: status
      type(c_ptr) :: text
    end function

    subroutine c_clear(status) bind(C, name='muster_status_clear')
      import :: c_ptr
      type(c_ptr), intent(inout) :: status
    end subroutine

    function c_strlen(text) bind(C, name='strlen') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function
  end interface

contains

  ! ---- texts and errors ----

  function to_fortran(text) result(copy)
    type(c_ptr), intent(in) :: text
    character(len=:), allocatable :: copy
    character(kind=c_char), pointer :: letters(:)
    integer :: i, length
    length = int(c_strlen(text))
    call c_f_pointer(text, letters, [length])
    allocate (character(len=length) :: copy)
    do i = 1, length
      copy(i:i) = letters(i)
    end do
  end function

  ! takes the status of a call
  subroutine take(status, error)
    type(c_ptr), intent(in) :: status
    character(len=:), allocatable, intent(out) :: error
    type(c_ptr) :: owned
    if (.not. c_associated(status)) return
    error = to_fortran(c_message(status))
    owned = status
    call c_clear(owned)
  end subroutine

  function number(i) result(text)
    integer, intent(in) :: i
    character(len=:), allocatable :: text
    character(len=12) :: digits
    write (digits, '(i0)') i
    text = trim(digits)
  end function

  ! ---- opening and describing ----

  subroutine open_policy(self, path, error)
    class(trained_policy), intent(inout) :: self
    character(len=*), intent(in) :: path
    character(len=:), allocatable, intent(out) :: error
    call self%close()
    call take(c_open(path//c_null_char, self%handle), error)
  end subroutine

  subroutine close_policy(self)
    class(trained_policy), intent(inout) :: self
    call c_close(self%handle)
  end subroutine

  function environment(self) result(name)
    class(trained_policy), intent(in) :: self
    character(len=:), allocatable :: name
    name = to_fortran(c_env(self%handle))
  end function

  function algorithm(self) result(name)
    class(trained_policy), intent(in) :: self
    character(len=:), allocatable :: name
    name = to_fortran(c_algorithm(self%handle))
  end function

  function total_steps(self) result(steps)
    class(trained_policy), intent(in) :: self
    integer(c_int64_t) :: steps
    steps = c_total_steps(self%handle)
  end function

  function elements_of(space) result(elements)
    type(c_space), intent(in) :: space
    integer :: elements
    elements = product(int(space%shape(:space%rank)))
  end function

  function observation_elements(self) result(elements)
    class(trained_policy), intent(in) :: self
    integer :: elements
    type(c_space), pointer :: space
    call c_f_pointer(c_observation_space(self%handle), space)
    elements = elements_of(space)
  end function

  function action_elements(self) result(elements)
    class(trained_policy), intent(in) :: self
    integer :: elements
    type(c_space), pointer :: space
    call c_f_pointer(c_action_space(self%handle), space)
    elements = elements_of(space)
  end function

  function choices(self) result(n)
    class(trained_policy), intent(in) :: self
    integer :: n
    n = int(c_choices(self%handle))
  end function

  subroutine seed(self, value)
    class(trained_policy), intent(in) :: self
    integer(c_int64_t), intent(in) :: value
    call c_seed(self%handle, value)
  end subroutine

  ! ---- arrays ----

  ! the numbers of an array that has the kind and the width of the space; otherwise an error, which begins with `what`
  subroutine check_values(what, values, space, address, error)
    character(len=*), intent(in) :: what
    class(*), intent(in), target, contiguous :: values(:, :)
    type(c_space), intent(in) :: space
    type(c_ptr), intent(out) :: address
    character(len=:), allocatable, intent(out) :: error
    character(len=:), allocatable :: kind, expected
    address = c_null_ptr
    kind = 'of another type'
    select type (values)
    type is (real(c_float))
      kind = 'real(c_float)'
      address = c_loc(values)
    type is (integer(c_int8_t))
      kind = 'integer(c_int8_t)'
      address = c_loc(values)
    type is (integer(c_int32_t))
      kind = 'integer(c_int32_t)'
      address = c_loc(values)
    end select
    expected = 'integer(c_int32_t)'
    if (space%kind == SPACE_BOX) expected = 'real(c_float)'
    if (space%kind == SPACE_BOX_U8) expected = 'integer(c_int8_t)'
    if (kind /= expected) then
      error = what//' are '//kind//'; expects '//expected
    else if (size(values, 1) /= elements_of(space)) then
      error = what//' have '//number(size(values, 1))//' elements; expects '//number(elements_of(space))
    end if
  end subroutine

  subroutine check_observations(self, observations, address, error)
    class(trained_policy), intent(in) :: self
    class(*), intent(in), target, contiguous :: observations(:, :)
    type(c_ptr), intent(out) :: address
    character(len=:), allocatable, intent(out) :: error
    type(c_space), pointer :: space
    if (.not. c_associated(self%handle)) then
      error = 'no policy is open'
      return
    end if
    call c_f_pointer(c_observation_space(self%handle), space)
    call check_values('observations', observations, space, address, error)
  end subroutine

  ! whether an array has so many rows and a column for each observation
  subroutine check_shape(what, rows, columns, expected_rows, n, error)
    character(len=*), intent(in) :: what
    integer, intent(in) :: rows, columns, expected_rows, n
    character(len=:), allocatable, intent(inout) :: error
    if (allocated(error) .or. (rows == expected_rows .and. columns == n)) return
    error = what//' have the shape ('//number(rows)//', '//number(columns)//'); expects ('//number(expected_rows)// &
            ', '//number(n)//')'
  end subroutine

  ! bytes of masks, 0 = never chosen; null where there are none
  subroutine take_masks(self, masks, n, bytes, address, error)
    class(trained_policy), intent(in) :: self
    logical, intent(in), optional :: masks(:, :)
    integer, intent(in) :: n
    integer(c_int8_t), allocatable, intent(out), target :: bytes(:, :)
    type(c_ptr), intent(out) :: address
    character(len=:), allocatable, intent(inout) :: error
    address = c_null_ptr
    if (allocated(error) .or. .not. present(masks)) return
    call check_shape('masks', size(masks, 1), size(masks, 2), self%choices(), n, error)
    if (allocated(error)) return
    allocate (bytes(size(masks, 1), n))
    bytes = merge(1_c_int8_t, 0_c_int8_t, masks)
    address = c_loc(bytes)
  end subroutine

  ! ---- what a policy is asked ----

  ! `stochastic`: a sample in place of the most probable action. masks(choices, n): false = never chosen
  subroutine act(self, observations, actions, error, stochastic, masks)
    class(trained_policy), intent(in) :: self
    class(*), intent(in), target, contiguous :: observations(:, :)
    class(*), intent(inout), target, contiguous :: actions(:, :)
    character(len=:), allocatable, intent(out) :: error
    logical, intent(in), optional :: stochastic, masks(:, :)
    type(c_ptr) :: from, to, allowed
    integer(c_int8_t), allocatable, target :: bytes(:, :)
    type(c_space), pointer :: space
    integer(c_int) :: mode
    call check_observations(self, observations, from, error)
    if (allocated(error)) return
    call c_f_pointer(c_action_space(self%handle), space)
    call check_values('actions', actions, space, to, error)
    call check_shape('actions', size(actions, 1), size(actions, 2), size(actions, 1), size(observations, 2), error)
    call take_masks(self, masks, size(observations, 2), bytes, allowed, error)
    if (allocated(error)) return
    mode = 0
    if (present(stochastic)) mode = merge(1, 0, stochastic)
    call take(c_act(self%handle, int(size(observations, 2), c_size_t), from, allowed, mode, to), error)
  end subroutine

  subroutine probabilities(self, observations, result, error, masks)
    class(trained_policy), intent(in) :: self
    class(*), intent(in), target, contiguous :: observations(:, :)
    real(c_float), intent(inout), target, contiguous :: result(:, :)
    character(len=:), allocatable, intent(out) :: error
    logical, intent(in), optional :: masks(:, :)
    type(c_ptr) :: from, allowed
    integer(c_int8_t), allocatable, target :: bytes(:, :)
    call check_observations(self, observations, from, error)
    if (allocated(error)) return
    call check_shape('probabilities', size(result, 1), size(result, 2), self%choices(), size(observations, 2), error)
    call take_masks(self, masks, size(observations, 2), bytes, allowed, error)
    if (allocated(error)) return
    call take(c_probabilities(self%handle, int(size(observations, 2), c_size_t), from, allowed, c_loc(result)), error)
  end subroutine

  subroutine values(self, observations, result, error, masks)
    class(trained_policy), intent(in) :: self
    class(*), intent(in), target, contiguous :: observations(:, :)
    real(c_float), intent(inout), target, contiguous :: result(:)
    character(len=:), allocatable, intent(out) :: error
    logical, intent(in), optional :: masks(:, :)
    type(c_ptr) :: from, allowed
    integer(c_int8_t), allocatable, target :: bytes(:, :)
    call check_observations(self, observations, from, error)
    if (allocated(error)) return
    call check_shape('values', 1, size(result), 1, size(observations, 2), error)
    call take_masks(self, masks, size(observations, 2), bytes, allowed, error)
    if (allocated(error)) return
    call take(c_values(self%handle, int(size(observations, 2), c_size_t), from, allowed, c_loc(result)), error)
  end subroutine

  subroutine action_values(self, observations, result, error)
    class(trained_policy), intent(in) :: self
    class(*), intent(in), target, contiguous :: observations(:, :)
    real(c_float), intent(inout), target, contiguous :: result(:, :)
    character(len=:), allocatable, intent(out) :: error
    type(c_ptr) :: from
    call check_observations(self, observations, from, error)
    if (allocated(error)) return
    call check_shape('values', size(result, 1), size(result, 2), self%choices(), size(observations, 2), error)
    if (allocated(error)) return
    call take(c_action_values(self%handle, int(size(observations, 2), c_size_t), from, c_loc(result)), error)
  end subroutine

end module muster_policy
