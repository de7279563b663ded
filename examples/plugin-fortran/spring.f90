! Spring-v0, a plug-in in Fortran with one environment: a mass on a spring is kicked, and pushes must bring it to rest.
module spring_environment
  use, intrinsic :: iso_c_binding
  use muster_env
  implicit none
  private
  public :: spring_create

  integer, parameter :: dp = c_double
  real(dp), parameter :: DT = 0.1_dp      ! s
  real(dp), parameter :: PUSH = 1.0_dp    ! N
  real(dp), parameter :: FAR = 10.0_dp    ! m, where the spring breaks

  type, extends(muster_environment) :: spring
    real(dp) :: stiffness = 1             ! N/m, an option
    logical :: noisy = .false.            ! an option: whether the air moves
    real(dp) :: x = 0, v = 0              ! m, m/s
  contains
    procedure :: describe, reset, step, state_bytes, save_state, load_state, render, set_option
  end type

contains

  ! muster, written in C, calls this; make_spring() does the work
  function spring_create(settings, env, error) bind(C) result(status)
    type(c_ptr), value :: settings
    type(c_ptr), intent(out) :: env
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    status = muster_create(make_spring, settings, env, error)
  end function

  subroutine make_spring(settings, env, error)
    type(muster_settings), intent(in) :: settings
    class(muster_environment), allocatable, intent(out) :: env
    character(len=:), allocatable, intent(inout) :: error
    type(spring) :: self
    call settings%get('stiffness', self%stiffness, error)
    if (.not. allocated(error)) call settings%get('noisy', self%noisy, error)
    if (allocated(error)) return
    if (self%stiffness <= 0) then
      error = 'option stiffness: expects a number above 0'
      return
    end if
    env = self
  end subroutine

  subroutine describe(self, spec)
    class(spring), intent(in) :: self
    type(muster_spec), intent(inout) :: spec
    call spec%observe_box([2])
    call spec%act_discrete([3])           ! push left, do not push, push right
    spec%max_steps = 100
    spec%reward_threshold = merge(50.0_dp, 70.0_dp, self%noisy)
  end subroutine

  ! for a curriculum: the spring may become stiffer over a run, at once
  subroutine set_option(self, key, value, error)
    class(spring), intent(inout) :: self
    character(len=*), intent(in) :: key
    real(dp), intent(in) :: value
    character(len=:), allocatable, intent(inout) :: error
    if (key /= 'stiffness') then
      error = 'option ' // key // ' cannot change: only stiffness can'
    else if (.not. value > 0) then
      error = 'option stiffness: expects a number above 0'
    else
      self%stiffness = value
    end if
  end subroutine

  subroutine observe(self, result)
    class(spring), intent(in) :: self
    type(muster_result), intent(inout) :: result
    result%observation%real(:, 1) = real([self%x, self%v], c_float)
  end subroutine

  subroutine reset(self, random, result, error)
    class(spring), intent(inout) :: self
    type(muster_random), intent(in) :: random
    type(muster_result), intent(inout) :: result
    character(len=:), allocatable, intent(inout) :: error
    self%x = 0
    self%v = random%uniform(-2.0_dp, 2.0_dp)
    call observe(self, result)
    if (self%stiffness <= 0) error = 'a spring without stiffness'
  end subroutine

  subroutine step(self, action, random, result, error)
    class(spring), intent(inout) :: self
    type(muster_buffer), intent(in) :: action
    type(muster_random), intent(in) :: random
    type(muster_result), intent(inout) :: result
    character(len=:), allocatable, intent(inout) :: error
    real(dp) :: force
    integer :: choice
    choice = action%choices(1, 1)
    if (choice < 0 .or. choice > 2) then
      error = 'an action is 0, 1 or 2'
      return
    end if
    force = PUSH * (choice - 1) - self%stiffness * self%x
    if (self%noisy) force = force + random%normal(deviation=0.1_dp)
    self%v = self%v + DT * force
    self%x = self%x + DT * self%v
    result%reward(1) = 1 - min(1.0_dp, abs(self%x) + 0.5_dp * abs(self%v))
    result%terminated = abs(self%x) > FAR
    call observe(self, result)
  end subroutine

  function state_bytes(self) result(bytes)
    class(spring), intent(in) :: self
    integer :: bytes
    bytes = (storage_size(self%x) + storage_size(self%v)) / 8
  end function

  subroutine save_state(self, bytes)
    class(spring), intent(in) :: self
    integer(c_int8_t), intent(out) :: bytes(:)
    bytes = transfer([self%x, self%v], bytes)
  end subroutine

  subroutine load_state(self, bytes, error)
    class(spring), intent(inout) :: self
    integer(c_int8_t), intent(in) :: bytes(:)
    character(len=:), allocatable, intent(inout) :: error
    real(dp) :: values(2)
    values = transfer(bytes, values, size(values))
    self%x = values(1)
    self%v = values(2)
    if (abs(self%x) > 2 * FAR) error = 'the spring cannot be that long'
  end subroutine

  function render(self) result(text)
    class(spring), intent(in) :: self
    character(len=:), allocatable :: text
    integer :: place
    place = max(0, min(40, nint(20 + 10 * self%x)))
    text = '|'//repeat('~', place)//'O'//repeat(' ', 40 - place)//'|'
  end function

end module spring_environment

! the only function that muster looks up by name
function muster_env_types() bind(C) result(types)
  use, intrinsic :: iso_c_binding
  use muster_env
  use spring_environment
  implicit none
  type(c_ptr) :: types
  call muster_begin_types()
  call muster_add_type('Spring-v0', 'bring a mass on a spring to rest', spring_create, &
                       [muster_option('stiffness', '1.0', 'of the spring, N/m'), &
                        muster_option('noisy', 'false', 'whether moving air pushes the mass')])
  types = muster_types()
end function
