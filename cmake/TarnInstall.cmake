# What `cmake --install` puts where: the program, both libraries, headers, recipes, documents, and the two ways in which an
# outside project finds them: pkg-config (tarn.pc) and CMake (find_package(tarn) gives tarn::shared and tarn::static).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(TARN_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tarn)
set(TARN_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/tarn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
# One export per library: who links the shared one must not need the development files of what the static one links.
foreach(kind shared static)
  install(TARGETS tarn_${kind} EXPORT tarn_${kind}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT tarn_${kind} NAMESPACE tarn:: FILE tarn-${kind}.cmake DESTINATION ${TARN_CMAKE_DIR})
endforeach()

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/tarn-config.cmake.in ${CMAKE_BINARY_DIR}/tarn-config.cmake
  INSTALL_DESTINATION ${TARN_CMAKE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tarn-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tarn-config.cmake ${CMAKE_BINARY_DIR}/tarn-config-version.cmake
  DESTINATION ${TARN_CMAKE_DIR})

# The prefix is worked out from where tarn.pc lies, so that the installed tree may be moved.
if(IS_ABSOLUTE ${TARN_PC_DIR})
  set(TARN_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up /${TARN_PC_DIR} /)
  set(TARN_PC_PREFIX "\${pcfiledir}/${up}")
  string(REGEX REPLACE "/$" "" TARN_PC_PREFIX "${TARN_PC_PREFIX}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE ${CMAKE_INSTALL_${dir}})
    set(TARN_PC_${dir} ${CMAKE_INSTALL_${dir}})
  else()
    set(TARN_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
list(JOIN TARN_PC_REQUIRES " " TARN_PC_REQUIRES_PRIVATE)
configure_file(${CMAKE_SOURCE_DIR}/cmake/tarn.pc.in ${CMAKE_BINARY_DIR}/tarn.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/tarn.pc DESTINATION ${TARN_PC_DIR})

install(DIRECTORY ${CMAKE_SOURCE_DIR}/recipes/ DESTINATION ${CMAKE_INSTALL_DATADIR}/tarn/recipes
  FILES_MATCHING PATTERN "*.yaml" PATTERN "*.md")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")
foreach(file LICENSE README.md CHANGELOG.md ARCHITECTURE.md)
  install(FILES ${CMAKE_SOURCE_DIR}/${file} DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
endforeach()
