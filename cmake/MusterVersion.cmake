# MUSTER_GIT_HASH: the commit that is built, with "-dirty" where the tree differs; "unknown" outside a checkout.
find_package(Git QUIET)
set(MUSTER_GIT_HASH unknown)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=12 --exclude=*
                  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE described
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(MUSTER_GIT_HASH ${described})
  endif()
endif()
