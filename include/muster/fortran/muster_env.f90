! muster_env: environments of muster written in Fortran. Compile this file into the plug-in, which links no library of
! muster.
!
! An environment extends the type muster_environment: it describes its spaces, resets and steps. Its numbers are plain
! Fortran: default logicals, allocatable strings, arrays with bounds. This module turns them into what C expects.
!
!   create    subroutine(settings, env, error): reads the options and allocates the environment
!   describe  spaces, limit on steps, ...: spec%observe_box(), spec%act_discrete(), ...
!   reset     starts an episode: writes result%observation
!   step      one step: reads `action`, writes result%observation, result%reward, result%terminated, result%truncated
!
! To fail, assign a text to `error` and return. Random numbers come from `random` alone. The contract in full is in
! muster/env.h. examples/plugin-fortran shows a whole plug-in.
module muster_env
  use, intrinsic :: iso_c_binding
  implicit none
  private

  public :: muster_environment, muster_spec, muster_buffer, muster_result, muster_random, muster_settings
  public :: muster_option, muster_env_error, muster_create_interface
  public :: muster_create, muster_begin_types, muster_add_type, muster_types

  integer(c_int32_t), parameter :: MUSTER_ENV_ABI = 1
  integer(c_int), parameter :: SPACE_BOX = 1, SPACE_BOX_U8 = 2, SPACE_DISCRETE = 3, SPACE_MULTI_DISCRETE = 4
  integer, parameter :: MAX_RANK = 4, ERROR_SIZE = 256, MAX_TYPES = 32, PROBLEM_SIZE = 160

  ! ---- the structures of muster/env.h ----

  type, bind(C) :: c_space
    integer(c_int) :: kind
    integer(c_int32_t) :: rank
    integer(c_int32_t) :: shape(MAX_RANK)
    type(c_ptr) :: low, high, counts
  end type

  type(c_space), parameter :: NO_SPACE = c_space(0, 0, [0, 0, 0, 0], c_null_ptr, c_null_ptr, c_null_ptr)

  type, bind(C) :: c_spec
    integer(c_size_t) :: struct_size
    type(c_space) :: observation, action
    integer(c_int32_t) :: agents, max_steps
    real(c_double) :: reward_threshold
    logical(c_bool) :: masks_actions
    integer(c_size_t) :: state_bytes
  end type

  type, bind(C) :: c_result
    type(c_ptr) :: observation, reward, action_mask
    logical(c_bool) :: terminated, truncated
  end type

  type, bind(C) :: c_random
    type(c_funptr) :: next
  end type

  type, bind(C) :: c_pair ! muster_env_setting
    type(c_ptr) :: key, value
  end type

  type, bind(C) :: c_option
    type(c_ptr) :: key, default_value, help
  end type

  type, bind(C) :: c_type
    integer(c_int32_t) :: abi
    integer(c_size_t) :: struct_size
    type(c_ptr) :: name, summary, options
    type(c_funptr) :: create, destroy, describe, reset, step, save_state, load_state, render_text
    type(c_funptr) :: block_create, block_destroy, block_describe, block_reset, block_step
    type(c_funptr) :: block_save_state, block_load_state
    type(c_funptr) :: render_picture
    real(c_double) :: render_fps
    type(c_funptr) :: render_policy, has_saved, set_option, block_set_option
  end type

  ! where a create function called by C leaves its text
  type, bind(C) :: muster_env_error
    character(kind=c_char) :: text(ERROR_SIZE)
  end type

  ! ---- what an environment works with ----

  ! One value of a space for each agent, elements along the first dimension. Only the pointer that fits the space's kind
  ! is associated: real for Box, bytes for images, choices (counted from 0) for the discrete kinds.
  type :: muster_buffer
    real(c_float), pointer, contiguous :: real(:, :) => null()          ! [elements, agents]
    integer(c_int8_t), pointer, contiguous :: bytes(:, :) => null()     ! [elements, agents], bit patterns of uint8
    integer(c_int32_t), pointer, contiguous :: choices(:, :) => null()  ! [elements, agents]
  end type

  type :: muster_result
    type(muster_buffer) :: observation
    real(c_double), pointer, contiguous :: reward(:) => null()          ! [agents]; not for reset
    integer(c_int8_t), pointer, contiguous :: mask(:, :) => null()      ! [choices, agents]; where masks_actions
    logical :: terminated = .false., truncated = .false.
  end type

  ! what an environment is; filled by describe()
  type :: muster_spec
    integer :: agents = 1
    integer :: max_steps = 0                                            ! muster truncates after so many steps; 0: never
    real(c_double), allocatable :: reward_threshold                     ! mean return at which the task counts as solved
    logical :: masks_actions = .false.
    type(c_space), private :: observation = NO_SPACE, action = NO_SPACE
    real(c_float), allocatable, private :: observation_low(:), observation_high(:), action_low(:), action_high(:)
    integer(c_int32_t), allocatable, private :: observation_counts(:), action_counts(:)
    character(len=PROBLEM_SIZE), private :: problem = ''                ! the first thing that is wrong with it
  contains
    procedure :: observe_box, observe_image, observe_discrete, act_discrete, act_box
  end type

  ! a stream of random numbers of this environment and this episode
  type :: muster_random
    type(c_ptr), private :: stream = c_null_ptr
  contains
    procedure :: bits => random_bits        ! 32 bits, as 0 to 2**32 - 1
    procedure :: uniform => random_uniform  ! [low, high); 0 and 1 when they are left out
    procedure :: below => random_below      ! 0 to n - 1
    procedure :: normal => random_normal    ! mean and deviation; 0 and 1 when they are left out
  end type

  ! the options that a config gives, and the defaults of the others
  type :: muster_settings
    type(c_ptr), private :: pairs = c_null_ptr
  contains
    procedure, private :: get_string, get_real, get_integer, get_logical
    generic :: get => get_string, get_real, get_integer, get_logical
  end type

  ! an option that an environment takes
  type :: muster_option
    character(len=64) :: key
    character(len=64) :: default_value
    character(len=192) :: help
  end type

  ! an environment; extend it
  type, abstract :: muster_environment
  contains
    procedure(describe_interface), deferred :: describe
    procedure(reset_interface), deferred :: reset
    procedure(step_interface), deferred :: step
    ! optional: copies the state exactly, and tells its length in bytes
    procedure :: state_bytes => no_state_bytes
    procedure :: save_state => no_save_state
    procedure :: load_state => no_load_state
    ! optional: the state as text for a terminal
    procedure :: render => no_render
    ! optional: gives an option another value in the midst of a run, for a curriculum
    procedure :: set_option => no_set_option
  end type

  abstract interface
    subroutine describe_interface(self, spec)
      import :: muster_environment, muster_spec
      class(muster_environment), intent(in) :: self
      type(muster_spec), intent(inout) :: spec
    end subroutine

    subroutine reset_interface(self, random, result, error)
      import :: muster_environment, muster_random, muster_result
      class(muster_environment), intent(inout) :: self
      type(muster_random), intent(in) :: random
      type(muster_result), intent(inout) :: result
      character(len=:), allocatable, intent(inout) :: error
    end subroutine

    subroutine step_interface(self, action, random, result, error)
      import :: muster_environment, muster_buffer, muster_random, muster_result
      class(muster_environment), intent(inout) :: self
      type(muster_buffer), intent(in) :: action
      type(muster_random), intent(in) :: random
      type(muster_result), intent(inout) :: result
      character(len=:), allocatable, intent(inout) :: error
    end subroutine

    subroutine muster_create_interface(settings, env, error)
      import :: muster_environment, muster_settings
      type(muster_settings), intent(in) :: settings
      class(muster_environment), allocatable, intent(out) :: env
      character(len=:), allocatable, intent(inout) :: error
    end subroutine

    function c_create_interface(settings, env, error) bind(C) result(status)
      import :: c_ptr, c_int, muster_env_error
      type(c_ptr), value :: settings
      type(c_ptr), intent(out) :: env
      type(muster_env_error), intent(inout) :: error
      integer(c_int) :: status
    end function

    function next_interface(stream) bind(C) result(bits)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: stream
      integer(c_int32_t) :: bits
    end function
  end interface

  ! what C's pointer to an environment points to
  type :: holder
    class(muster_environment), allocatable :: env
    type(muster_spec) :: spec
    integer :: observation_elements, action_elements, mask_elements
  end type

  ! the tables of the plug-in, and the texts that they point to
  type(c_type), target, save :: tables(MAX_TYPES)
  type(c_ptr), target, save :: listed(MAX_TYPES + 1)
  integer, save :: n_tables = 0

  interface
    function c_strlen(text) bind(C, name='strlen') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function
  end interface

contains

  ! ---- texts ----

  function from_c(text) result(string)
    type(c_ptr), intent(in) :: text
    character(len=:), allocatable :: string
    character(kind=c_char), pointer :: letters(:)
    integer :: i, n
    n = int(c_strlen(text))
    call c_f_pointer(text, letters, [n])
    allocate (character(len=n) :: string)
    do i = 1, n
      string(i:i) = letters(i)
    end do
  end function

  ! a copy that lives as long as the plug-in
  function to_c(string) result(text)
    character(len=*), intent(in) :: string
    type(c_ptr) :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i, n
    n = len_trim(string)
    allocate (letters(n + 1))
    do i = 1, n
      letters(i) = string(i:i)
    end do
    letters(n + 1) = c_null_char
    text = c_loc(letters)
  end function

  ! copies an error's text to C, if there is one, with other words in place of a blank text; returns what C's functions
  ! return
  function report(message, error) result(status)
    character(len=:), allocatable, intent(in) :: message
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    character(len=:), allocatable :: text
    integer :: i, n
    status = 0
    if (.not. allocated(message)) return
    status = 1
    text = trim(message)
    if (len(text) == 0) text = 'it failed without a text: assign one to `error`'
    n = min(len(text), ERROR_SIZE - 1)
    do i = 1, n
      error%text(i) = text(i:i)
    end do
    error%text(n + 1) = c_null_char
  end function

  ! ---- spaces ----

  ! keeps the first thing that is wrong with a description
  subroutine complain(problem, text)
    character(len=PROBLEM_SIZE), intent(inout) :: problem
    character(len=*), intent(in) :: text
    if (problem == '') problem = 'describe() gives '//text
  end subroutine

  subroutine fill_shape(space, kind, shape, problem)
    type(c_space), intent(inout) :: space
    integer(c_int), intent(in) :: kind
    integer, intent(in) :: shape(:)
    character(len=PROBLEM_SIZE), intent(inout) :: problem
    if (size(shape) > MAX_RANK) then
      call complain(problem, 'a space of more than 4 dimensions')
      return
    end if
    space%kind = kind
    space%rank = size(shape)
    space%shape = 0
    space%shape(1:size(shape)) = shape
  end subroutine

  ! observations are reals of that shape (row-major: the last dimension varies fastest); bounds of each element, or one
  ! number for all, or none
  subroutine observe_box(self, shape, low, high)
    class(muster_spec), intent(inout) :: self
    integer, intent(in) :: shape(:)
    real(c_float), intent(in), optional :: low(:), high(:)
    call fill_shape(self%observation, SPACE_BOX, shape, self%problem)
    if (present(low)) call spread_bounds('low', low, shape, self%observation_low, self%problem)
    if (present(high)) call spread_bounds('high', high, shape, self%observation_high, self%problem)
  end subroutine

  ! observations are bytes of that shape
  subroutine observe_image(self, shape)
    class(muster_spec), intent(inout) :: self
    integer, intent(in) :: shape(:)
    call fill_shape(self%observation, SPACE_BOX_U8, shape, self%problem)
  end subroutine

  ! observations are integers from 0 to n - 1: one number, or several, each with its own n
  subroutine observe_discrete(self, n)
    class(muster_spec), intent(inout) :: self
    integer, intent(in) :: n(:)
    self%observation_counts = n
    call fill_counts(self%observation, n, self%problem)
  end subroutine

  ! actions are integers from 0 to n - 1: one number, or several, each with its own n
  subroutine act_discrete(self, n)
    class(muster_spec), intent(inout) :: self
    integer, intent(in) :: n(:)
    self%action_counts = n
    call fill_counts(self%action, n, self%problem)
  end subroutine

  ! actions are reals of that shape, with bounds as in observe_box()
  subroutine act_box(self, shape, low, high)
    class(muster_spec), intent(inout) :: self
    integer, intent(in) :: shape(:)
    real(c_float), intent(in), optional :: low(:), high(:)
    call fill_shape(self%action, SPACE_BOX, shape, self%problem)
    if (present(low)) call spread_bounds('low', low, shape, self%action_low, self%problem)
    if (present(high)) call spread_bounds('high', high, shape, self%action_high, self%problem)
  end subroutine

  subroutine fill_counts(space, n, problem)
    type(c_space), intent(inout) :: space
    integer, intent(in) :: n(:)
    character(len=PROBLEM_SIZE), intent(inout) :: problem
    if (size(n) == 1) then
      call fill_shape(space, SPACE_DISCRETE, [integer ::], problem)
    else
      call fill_shape(space, SPACE_MULTI_DISCRETE, [size(n)], problem)
    end if
  end subroutine

  subroutine spread_bounds(which, bounds, shape, all, problem)
    character(len=*), intent(in) :: which
    real(c_float), intent(in) :: bounds(:)
    integer, intent(in) :: shape(:)
    real(c_float), allocatable, intent(inout) :: all(:)
    character(len=PROBLEM_SIZE), intent(inout) :: problem
    character(len=PROBLEM_SIZE) :: text
    integer(c_int64_t) :: n
    integer :: status
    n = count_elements(shape)
    if (size(bounds) /= 1 .and. size(bounds) /= n) then
      write (text, '(i0, a, i0, a)') size(bounds), ' '//which//' bounds for ', n, &
        ' elements: expects as many, or one for all'
      call complain(problem, trim(text))
      return
    end if
    if (allocated(all)) deallocate (all)
    allocate (all(n), stat=status)
    if (status /= 0) then
      call complain(problem, 'a space that is larger than memory')
    else if (size(bounds) == 1) then
      all = bounds(1)
    else
      all = bounds
    end if
  end subroutine

  ! the number of elements of a shape; 0 where that shape is not allowed
  function count_elements(shape) result(n)
    integer, intent(in) :: shape(:)
    integer(c_int64_t) :: n
    integer :: i
    n = 1
    do i = 1, size(shape)
      n = n * max(shape(i), 0)
      if (n > huge(0_c_int32_t)) n = 0
    end do
  end function

  function elements(space) result(n)
    type(c_space), intent(in) :: space
    integer :: n
    n = product(space%shape(1:space%rank))
  end function

  ! points a buffer to C's memory
  subroutine point(space, memory, n, agents, buffer)
    type(c_space), intent(in) :: space
    type(c_ptr), intent(in) :: memory
    integer, intent(in) :: n, agents
    type(muster_buffer), intent(out) :: buffer
    select case (space%kind)
    case (SPACE_BOX)
      call c_f_pointer(memory, buffer%real, [n, agents])
    case (SPACE_BOX_U8)
      call c_f_pointer(memory, buffer%bytes, [n, agents])
    case default
      call c_f_pointer(memory, buffer%choices, [n, agents])
    end select
  end subroutine

  ! ---- random numbers, as in muster/random.h ----

  function random_bits(self) result(bits)
    class(muster_random), intent(in) :: self
    integer(c_int64_t) :: bits
    type(c_random), pointer :: stream
    procedure(next_interface), pointer :: next
    call c_f_pointer(self%stream, stream)
    call c_f_procpointer(stream%next, next)
    bits = iand(int(next(self%stream), c_int64_t), int(z'FFFFFFFF', c_int64_t))
  end function

  function random_uniform(self, low, high) result(value)
    class(muster_random), intent(in) :: self
    real(c_double), intent(in), optional :: low, high
    real(c_double) :: value, from, to
    integer(c_int64_t) :: upper, lower
    from = 0
    to = 1
    if (present(low)) from = low
    if (present(high)) to = high
    upper = shiftr(self%bits(), 5)
    lower = shiftr(self%bits(), 6)
    value = real(ior(shiftl(upper, 26), lower), c_double) / 9007199254740992.0_c_double
    value = from + (to - from) * value
  end function

  ! Lemire 2019, rejection on the low half of the product
  function random_below(self, n) result(value)
    class(muster_random), intent(in) :: self
    integer, intent(in) :: n
    integer :: value
    integer(c_int64_t) :: product, low, threshold
    integer(c_int64_t), parameter :: WORD = int(z'FFFFFFFF', c_int64_t)
    product = self%bits() * int(n, c_int64_t)
    low = iand(product, WORD)
    if (low < n) then
      threshold = modulo(WORD + 1 - n, int(n, c_int64_t))
      do while (low < threshold)
        product = self%bits() * int(n, c_int64_t)
        low = iand(product, WORD)
      end do
    end if
    value = int(shiftr(product, 32))
  end function

  ! Box and Muller 1958, the cosine half
  function random_normal(self, mean, deviation) result(value)
    class(muster_random), intent(in) :: self
    real(c_double), intent(in), optional :: mean, deviation
    real(c_double) :: value, u, v
    u = 1 - self%uniform()
    v = self%uniform()
    value = sqrt(-2 * log(u)) * cos(6.283185307179586477_c_double * v)
    if (present(deviation)) value = deviation * value
    if (present(mean)) value = mean + value
  end function

  ! ---- options ----

  subroutine get_string(self, key, value, error)
    class(muster_settings), intent(in) :: self
    character(len=*), intent(in) :: key
    character(len=:), allocatable, intent(out) :: value
    character(len=:), allocatable, intent(inout) :: error
    type(c_pair), pointer :: pairs(:)
    integer :: i
    i = 1
    do
      call c_f_pointer(self%pairs, pairs, [i])
      if (.not. c_associated(pairs(i)%key)) exit
      if (from_c(pairs(i)%key) == key) then
        value = from_c(pairs(i)%value)
        return
      end if
      i = i + 1
    end do
    value = ''
    if (.not. allocated(error)) error = 'the environment asks for an option '//key//', which it does not list'
  end subroutine

  subroutine get_real(self, key, value, error)
    class(muster_settings), intent(in) :: self
    character(len=*), intent(in) :: key
    real(c_double), intent(out) :: value
    character(len=:), allocatable, intent(inout) :: error
    character(len=:), allocatable :: text
    integer :: status
    value = 0
    call self%get(key, text, error)
    if (allocated(error)) return
    status = 1
    if (verify(text, '0123456789+-.eEdD') == 0 .and. len(text) > 0) read (text, *, iostat=status) value
    if (status /= 0) error = 'option '//key//': expects a number, got "'//text//'"'
  end subroutine

  subroutine get_integer(self, key, value, error)
    class(muster_settings), intent(in) :: self
    character(len=*), intent(in) :: key
    integer, intent(out) :: value
    character(len=:), allocatable, intent(inout) :: error
    character(len=:), allocatable :: text
    integer :: status
    value = 0
    call self%get(key, text, error)
    if (allocated(error)) return
    status = 1
    if (verify(text, '0123456789+-') == 0 .and. len(text) > 0) read (text, *, iostat=status) value
    if (status /= 0) error = 'option '//key//': expects an integer, got "'//text//'"'
  end subroutine

  subroutine get_logical(self, key, value, error)
    class(muster_settings), intent(in) :: self
    character(len=*), intent(in) :: key
    logical, intent(out) :: value
    character(len=:), allocatable, intent(inout) :: error
    character(len=:), allocatable :: text
    value = .false.
    call self%get(key, text, error)
    if (allocated(error)) return
    select case (text)
    case ('true', 'yes', '1')
      value = .true.
    case ('false', 'no', '0')
      value = .false.
    case default
      error = 'option '//key//': expects true or false, got "'//text//'"'
    end select
  end subroutine

  ! ---- defaults of the optional procedures ----

  function no_state_bytes(self) result(bytes)
    class(muster_environment), intent(in) :: self
    integer :: bytes
    bytes = 0 * storage_size(self)
  end function

  subroutine no_save_state(self, bytes)
    class(muster_environment), intent(in) :: self
    integer(c_int8_t), intent(out) :: bytes(:)
    bytes = int(0 * storage_size(self), c_int8_t)
  end subroutine

  subroutine no_load_state(self, bytes, error)
    class(muster_environment), intent(inout) :: self
    integer(c_int8_t), intent(in) :: bytes(:)
    character(len=:), allocatable, intent(inout) :: error
    if (storage_size(self) >= 0 .and. size(bytes) >= 0) error = 'the environment cannot load its state'
  end subroutine

  function no_render(self) result(text)
    class(muster_environment), intent(in) :: self
    character(len=:), allocatable :: text
    text = repeat(' ', 0 * storage_size(self))
  end function

  subroutine no_set_option(self, key, value, error)
    class(muster_environment), intent(inout) :: self
    character(len=*), intent(in) :: key
    real(c_double), intent(in) :: value
    character(len=:), allocatable, intent(inout) :: error
    error = 'option ' // key // ' cannot change'
    if (storage_size(self) < 0 .or. value > huge(value)) error = error // ' to that'
  end subroutine

  ! ---- the functions that C calls ----

  ! the body of an environment's create function, which C calls
  function muster_create(create, settings, env, error) result(status)
    procedure(muster_create_interface) :: create
    type(c_ptr), intent(in) :: settings
    type(c_ptr), intent(out) :: env
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    character(len=:), allocatable :: message
    type(holder), pointer :: box
    env = c_null_ptr
    allocate (box)
    call create(muster_settings(settings), box%env, message)
    if (.not. allocated(message) .and. .not. allocated(box%env)) message = 'create() allocated no environment'
    if (.not. allocated(message)) then
      call box%env%describe(box%spec)
      if (box%spec%problem /= '') message = trim(box%spec%problem)
    end if
    status = report(message, error)
    if (status /= 0) then
      deallocate (box)
      return
    end if

    box%observation_elements = elements(box%spec%observation)
    box%action_elements = elements(box%spec%action)
    box%mask_elements = 0
    if (allocated(box%spec%action_counts)) box%mask_elements = sum(box%spec%action_counts)
    env = c_loc(box)
  end function

  subroutine destroy(env) bind(C, name='muster_env_fortran_destroy')
    type(c_ptr), value :: env
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    deallocate (box)
  end subroutine

  subroutine describe(env, spec) bind(C, name='muster_env_fortran_describe')
    type(c_ptr), value :: env
    type(c_spec), intent(inout) :: spec
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    spec%observation = box%spec%observation
    spec%action = box%spec%action
    call lend_arrays(box%spec, spec)
    spec%agents = box%spec%agents
    spec%max_steps = box%spec%max_steps
    spec%reward_threshold = not_a_number()
    if (allocated(box%spec%reward_threshold)) spec%reward_threshold = box%spec%reward_threshold
    spec%masks_actions = logical(box%spec%masks_actions, c_bool)
    spec%state_bytes = int(box%env%state_bytes(), c_size_t)
  end subroutine

  ! bounds and counts stay in the environment's own memory
  subroutine lend_arrays(own, spec)
    type(muster_spec), intent(in), target :: own
    type(c_spec), intent(inout) :: spec
    spec%observation%low = c_null_ptr
    spec%observation%high = c_null_ptr
    spec%observation%counts = c_null_ptr
    spec%action%low = c_null_ptr
    spec%action%high = c_null_ptr
    spec%action%counts = c_null_ptr
    if (allocated(own%observation_low)) spec%observation%low = c_loc(own%observation_low)
    if (allocated(own%observation_high)) spec%observation%high = c_loc(own%observation_high)
    if (allocated(own%observation_counts)) spec%observation%counts = c_loc(own%observation_counts)
    if (allocated(own%action_low)) spec%action%low = c_loc(own%action_low)
    if (allocated(own%action_high)) spec%action%high = c_loc(own%action_high)
    if (allocated(own%action_counts)) spec%action%counts = c_loc(own%action_counts)
  end subroutine

  function not_a_number() result(value)
    use, intrinsic :: ieee_arithmetic, only: ieee_value, ieee_quiet_nan
    real(c_double) :: value
    value = ieee_value(value, ieee_quiet_nan)
  end function

  subroutine open_result(box, raw, result)
    type(holder), intent(in) :: box
    type(c_result), intent(in) :: raw
    type(muster_result), intent(out) :: result
    call point(box%spec%observation, raw%observation, box%observation_elements, box%spec%agents, result%observation)
    if (c_associated(raw%reward)) call c_f_pointer(raw%reward, result%reward, [box%spec%agents])
    if (c_associated(raw%action_mask)) &
      call c_f_pointer(raw%action_mask, result%mask, [box%mask_elements, box%spec%agents])
  end subroutine

  function reset(env, random, raw, error) bind(C, name='muster_env_fortran_reset') result(status)
    type(c_ptr), value :: env, random
    type(c_result), intent(inout) :: raw
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    character(len=:), allocatable :: message
    type(muster_result) :: result
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    call open_result(box, raw, result)
    call box%env%reset(muster_random(random), result, message)
    status = report(message, error)
  end function

  function step(env, action, random, raw, error) bind(C, name='muster_env_fortran_step') result(status)
    type(c_ptr), value :: env, action, random
    type(c_result), intent(inout) :: raw
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    character(len=:), allocatable :: message
    type(muster_buffer) :: choice
    type(muster_result) :: result
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    call open_result(box, raw, result)
    call point(box%spec%action, action, box%action_elements, box%spec%agents, choice)
    call box%env%step(choice, muster_random(random), result, message)

    ! a default logical has four bytes and any pattern, C's bool has one that is 0 or 1
    raw%terminated = logical(result%terminated, c_bool)
    raw%truncated = logical(result%truncated, c_bool)
    status = report(message, error)
  end function

  subroutine save_state(env, bytes) bind(C, name='muster_env_fortran_save_state')
    type(c_ptr), value :: env, bytes
    integer(c_int8_t), pointer :: view(:)
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    call c_f_pointer(bytes, view, [box%env%state_bytes()])
    call box%env%save_state(view)
  end subroutine

  function load_state(env, bytes, error) bind(C, name='muster_env_fortran_load_state') result(status)
    type(c_ptr), value :: env, bytes
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    character(len=:), allocatable :: message
    integer(c_int8_t), pointer :: view(:)
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    call c_f_pointer(bytes, view, [box%env%state_bytes()])
    call box%env%load_state(view, message)
    status = report(message, error)
  end function

  subroutine render_text(env, text, size) bind(C, name='muster_env_fortran_render_text')
    type(c_ptr), value :: env, text
    integer(c_size_t), value :: size
    character(len=:), allocatable :: rendered
    character(kind=c_char), pointer :: letters(:)
    type(holder), pointer :: box
    integer :: i, n
    call c_f_pointer(env, box)
    rendered = box%env%render()
    call c_f_pointer(text, letters, [size])
    n = min(len(rendered), int(size) - 1)
    do i = 1, n
      letters(i) = rendered(i:i)
    end do
    letters(n + 1) = c_null_char
  end subroutine

  function set_option(env, key, value, error) bind(C, name='muster_env_fortran_set_option') result(status)
    type(c_ptr), value :: env, key
    real(c_double), value :: value
    type(muster_env_error), intent(inout) :: error
    integer(c_int) :: status
    character(len=:), allocatable :: message
    type(holder), pointer :: box
    call c_f_pointer(env, box)
    call box%env%set_option(from_c(key), value, message)
    status = report(message, error)
  end function

  ! ---- the plug-in's list ----

  ! The plug-in's own function muster_env_types(), bind(C), calls muster_begin_types(), muster_add_type() for each
  ! environment, and returns muster_types().
  subroutine muster_begin_types()
    n_tables = 0
  end subroutine

  ! `create`: a function that C calls, whose body is one call of muster_create()
  subroutine muster_add_type(name, summary, create, options)
    character(len=*), intent(in) :: name, summary
    procedure(c_create_interface) :: create
    type(muster_option), intent(in), optional :: options(:)
    type(c_type), pointer :: table
    if (n_tables == MAX_TYPES) error stop 'muster_env: too many environments in one plug-in'
    n_tables = n_tables + 1
    table => tables(n_tables)
    table%abi = MUSTER_ENV_ABI
    table%struct_size = c_sizeof(table)
    table%name = to_c(name)
    table%summary = to_c(summary)
    table%options = c_null_ptr
    if (present(options)) table%options = option_table(options)
    table%create = c_funloc(create)
    table%destroy = c_funloc(destroy)
    table%describe = c_funloc(describe)
    table%reset = c_funloc(reset)
    table%step = c_funloc(step)
    table%save_state = c_funloc(save_state)
    table%load_state = c_funloc(load_state)
    table%render_text = c_funloc(render_text)
    table%block_create = c_null_funptr
    table%block_destroy = c_null_funptr
    table%block_describe = c_null_funptr
    table%block_reset = c_null_funptr
    table%block_step = c_null_funptr
    table%block_save_state = c_null_funptr
    table%block_load_state = c_null_funptr
    table%render_picture = c_null_funptr
    table%render_fps = 0
    table%render_policy = c_null_funptr
    table%has_saved = c_null_funptr
    table%set_option = c_funloc(set_option)
    table%block_set_option = c_null_funptr
  end subroutine

  function option_table(options) result(table)
    type(muster_option), intent(in) :: options(:)
    type(c_ptr) :: table
    type(c_option), pointer :: rows(:)
    integer :: i
    allocate (rows(size(options) + 1))
    do i = 1, size(options)
      rows(i) = c_option(to_c(options(i)%key), to_c(options(i)%default_value), to_c(options(i)%help))
    end do
    rows(size(rows)) = c_option(c_null_ptr, c_null_ptr, c_null_ptr)
    table = c_loc(rows)
  end function

  function muster_types() result(types)
    type(c_ptr) :: types
    integer :: i
    do i = 1, n_tables
      listed(i) = c_loc(tables(i))
    end do
    listed(n_tables + 1) = c_null_ptr
    types = c_loc(listed)
  end function

end module muster_env
