# The libraries that muster needs. Each has an imported target, which only the module that needs the library links.
find_package(MPI REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
find_package(HDF5 REQUIRED COMPONENTS C)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash>=0.8) # only its header is used: nothing to link
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(PROTOC_C protoc-c REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)

# without these libraries a none.c in each of the modules canvas and watch replaces the sources that need them
if(MUSTER_VIEWS)
  pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo)
  find_package(GIF 5.1 REQUIRED)
  pkg_check_modules(NCURSES REQUIRED IMPORTED_TARGET ncursesw)
  set(MUSTER_CANVAS_LIBRARIES PkgConfig::CAIRO GIF::GIF)
  set(MUSTER_WATCH_LIBRARIES PkgConfig::NCURSES)
  set(MUSTER_VIEWS_EXCLUDE "/none\\.c$")
else()
  set(MUSTER_VIEWS_EXCLUDE "/(gif|palette|picture|screen)\\.c$")
endif()

add_library(muster_hdf5 INTERFACE)
target_include_directories(muster_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(muster_hdf5 INTERFACE ${HDF5_C_LIBRARIES})

add_library(muster_random123 INTERFACE)
target_include_directories(muster_random123 SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR})
