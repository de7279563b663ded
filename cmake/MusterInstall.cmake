# What `cmake --install` installs: the program, libmuster with its public headers, a CMake package and a pkg-config
# file for other programs, the documents and the shipped configs.
include(CMakePackageConfigHelpers)

# the targets have the same names in muster's own build as after find_package(muster)
add_library(muster::muster ALIAS muster_shared)
add_library(muster::policy ALIAS muster_policy_shared)

# installed programs find libraries outside the system's folders (Spack, environment modules), too
set_target_properties(muster muster_shared muster_policy_shared PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)

install(TARGETS muster RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS muster_shared muster_policy_shared muster_env_headers EXPORT muster LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/muster DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN *.h PATTERN *.f90)

# find_package(muster) gives the targets muster::muster, muster::policy for programs that use trained policies, and
# muster::env for plug-ins, which link no library of muster
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/muster)
install(EXPORT muster NAMESPACE muster:: FILE muster-targets.cmake DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/muster-config.cmake.in
                              ${PROJECT_BINARY_DIR}/package/muster-config.cmake INSTALL_DESTINATION ${package_folder}
                              PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/muster-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/muster-config.cmake ${PROJECT_BINARY_DIR}/package/muster-config-version.cmake
        DESTINATION ${package_folder})

# pkg-config derives the prefix from the place of the file, so an installed muster can be moved
file(RELATIVE_PATH MUSTER_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
foreach(library muster muster-policy)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/muster.pc.in ${PROJECT_BINARY_DIR}/package/${library}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# installed documents have the same folders as in the source, so that the links between them work
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
              ${PROJECT_SOURCE_DIR}/CONTRIBUTING.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN *.md PATTERN *.svg)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} USE_SOURCE_PERMISSIONS
        PATTERN build EXCLUDE PATTERN venv EXCLUDE PATTERN __pycache__ EXCLUDE)
foreach(folder configs slurm tests/golden)
  install(FILES ${PROJECT_SOURCE_DIR}/${folder}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs ${PROJECT_SOURCE_DIR}/slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/muster
        USE_SOURCE_PERMISSIONS PATTERN site.sh EXCLUDE)
