# program_test(FILE LABEL [SLOTS n] [COST seconds] [TIMEOUT seconds] [LOCK resource...]): a test of the program in Python,
# tests/LABEL/FILE.py, named LABEL/<file without test_>; see support/program.py.
#   SLOTS    how much of the machine it needs: scripts/test gives out six slots for each core. 1: it waits or sleeps;
#            2: it mostly waits or sleeps; 4 (the default): its ranks compute and wait for each other; 6: it keeps a
#            core busy
#   COST     how long it takes among the others, if that is 20 s or more: the tests that take longest start first
#   LOCK     what only one test at a time may use, such as names that exist once on the machine
# A test that exits with 77 was skipped, and says why in a line "skipped: REASON".
find_package(Python3 3.7 REQUIRED COMPONENTS Interpreter)

if(NOT TARGET checkpoint_tensors)
  add_executable(checkpoint_tensors ${CMAKE_CURRENT_LIST_DIR}/tensors.c)
  target_link_libraries(checkpoint_tensors PRIVATE muster_flags muster_static)
endif()

function(program_test file label)
  cmake_parse_arguments(TEST "" "SLOTS;COST;TIMEOUT" "LOCK" ${ARGN})
  foreach(default SLOTS=4 COST=0 TIMEOUT=1800)
    string(REGEX MATCH "(.*)=(.*)" default ${default})
    if(NOT DEFINED TEST_${CMAKE_MATCH_1})
      set(TEST_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
    endif()
  endforeach()
  string(REGEX REPLACE "^test_" "${label}/" name ${file})
  add_test(NAME ${name} COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/${file}.py -v)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${TEST_TIMEOUT} SKIP_RETURN_CODE 77
    PROCESSORS ${TEST_SLOTS} COST ${TEST_COST} RESOURCE_LOCK "${TEST_LOCK}" ENVIRONMENT
    "PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;MUSTER_PROGRAM=$<TARGET_FILE:muster>;MUSTER_SOURCE=${PROJECT_SOURCE_DIR};MUSTER_WORK=${CMAKE_CURRENT_BINARY_DIR}/${file};MUSTER_TENSORS=$<TARGET_FILE:checkpoint_tensors>;MUSTER_ACT=$<TARGET_FILE:act>;MUSTER_POLICY_LIBRARY=$<TARGET_FILE:muster_policy_shared>;MUSTER_PLUGINS=${PROJECT_BINARY_DIR}/tests/plugins;MUSTER_SANITIZED=$<BOOL:${MUSTER_SANITIZE}>")
endfunction()
