# The kernels, compiled once for each instruction set; linear_select() chooses at run time. They are optimised in every
# build type, since a debug build must train too; with the sanitizers -O2 takes four times as long to build, minutes for
# kernels_linear.c, and is little faster. Where a*b+c is fused, the sources say so explicitly.
set(muster_kernel_sets baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  list(APPEND muster_kernel_sets avx2 avx512)
endif()
set(muster_kernel_flags_baseline)
set(muster_kernel_flags_avx2 -mavx2 -mfma)
set(muster_kernel_flags_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma)

foreach(set ${muster_kernel_sets})
  add_library(muster_math_${set} OBJECT math/kernels_linear.c math/kernels_vector.c
              math/kernels_adam.c math/kernels_peak.c)
  target_include_directories(muster_math_${set} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(muster_math_${set} PRIVATE muster_flags)
  # vectors are passed between functions that are inlined, so how a call would pass them does not matter
  target_compile_options(muster_math_${set} PRIVATE $<IF:$<BOOL:${MUSTER_SANITIZE}>,-O1,-O3> -Wno-psabi
                         ${muster_kernel_flags_${set}})
  list(APPEND MUSTER_MODULE_OBJECTS $<TARGET_OBJECTS:muster_math_${set}>)
endforeach()
if(MUSTER_FUZZ) # clang takes minutes to instrument this file, and the fuzzed code does not call it
  set_source_files_properties(math/kernels_linear.c PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
endif()
