# Language level, warnings and sanitizers, for every target of the project.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(MUSTER_WERROR "Treat warnings as errors" OFF)
option(MUSTER_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(MUSTER_VIEWS "Build the live view and pictures of episodes, which take ncurses, cairo and giflib" ON)
option(MUSTER_FUZZ "Build with these sanitizers for libFuzzer (clang), and build tests/fuzz" OFF)

add_library(muster_flags INTERFACE)
target_compile_definitions(muster_flags INTERFACE _GNU_SOURCE)
# -ffp-contract=off: a*b+c is fused only where a kernel asks for it, so that the same source gives the same results
target_compile_options(muster_flags INTERFACE -ffp-contract=off -fno-math-errno -Wall -Wextra -Wshadow
                       -Wstrict-prototypes -Wmissing-prototypes -Wvla $<$<BOOL:${MUSTER_WERROR}>:-Werror>)
if(MUSTER_SANITIZE)
  target_compile_options(muster_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
                         -fno-omit-frame-pointer -g1)
  target_link_options(muster_flags INTERFACE -fsanitize=address,undefined)
endif()
if(MUSTER_FUZZ)
  target_compile_options(muster_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                         -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  target_link_options(muster_flags INTERFACE -fsanitize=address,undefined)
endif()
