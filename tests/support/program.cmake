# program_test(FILE LABEL [TIMEOUT seconds]): a test of the program in Python, tests/LABEL/FILE.py, named LABEL/<file
# without test_>; see support/program.py
find_package(Python3 3.7 REQUIRED COMPONENTS Interpreter)

if(NOT TARGET checkpoint_tensors)
  add_executable(checkpoint_tensors ${CMAKE_CURRENT_LIST_DIR}/tensors.c)
  target_link_libraries(checkpoint_tensors PRIVATE muster_flags muster_static)
endif()

function(program_test file label)
  cmake_parse_arguments(TEST "" "TIMEOUT" "" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 600)
  endif()
  string(REGEX REPLACE "^test_" "${label}/" name ${file})
  add_test(NAME ${name} COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/${file}.py -v)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${TEST_TIMEOUT} ENVIRONMENT
    "PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;MUSTER_PROGRAM=$<TARGET_FILE:muster>;MUSTER_SOURCE=${PROJECT_SOURCE_DIR};MUSTER_WORK=${CMAKE_CURRENT_BINARY_DIR}/${file};MUSTER_TENSORS=$<TARGET_FILE:checkpoint_tensors>;MUSTER_ACT=$<TARGET_FILE:act>;MUSTER_SANITIZED=$<BOOL:${MUSTER_SANITIZE}>")
endfunction()
