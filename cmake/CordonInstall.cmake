# cmake --install: what belongs where, in the components runtime, development and emulator. The installed tree can be
# moved as a whole.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
# Debian keeps libraries by architecture below /usr and /usr/local alike; GNUInstallDirs knows of /usr only.
if(NOT DEFINED CMAKE_INSTALL_LIBDIR AND CMAKE_LIBRARY_ARCHITECTURE AND EXISTS /etc/debian_version)
  set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE} CACHE PATH "Libraries, below the prefix")
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
foreach(folder LIBDIR BINDIR INCLUDEDIR DATADIR MANDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
    message(FATAL_ERROR "CMAKE_INSTALL_${folder} must be relative to the prefix, for the installed tree can be moved")
  endif()
endforeach()
set(packages_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Cordon)
set(config_dir ${CMAKE_CURRENT_BINARY_DIR}/install)

# ---- runtime: library, manifest, schemas, command line ----
install(TARGETS cordon EXPORT CordonTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
                                                    NAMELINK_COMPONENT development
                                    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
file(RELATIVE_PATH from_bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(cordon_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin_to_lib}")
install(TARGETS cordon_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugin_manifest/schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/cordon
        COMPONENT runtime FILES_MATCHING PATTERN *.json)
install(FILES ${PROJECT_SOURCE_DIR}/plugin_manifest/operations.json DESTINATION ${CMAKE_INSTALL_DATADIR}/cordon
        COMPONENT runtime)
configure_file(cmake/man/cordon.1.in ${config_dir}/cordon.1 @ONLY)
install(FILES ${config_dir}/cordon.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_LIBDIR}/cordon COMPONENT runtime)
# The manifest is written last: it says where the library lies and what is in it, once nothing changes that any more.
get_property(manifest GLOBAL PROPERTY CORDON_MANIFEST)
install(CODE "
  execute_process(
    COMMAND \"\${CMAKE_COMMAND}\" \"-DMANIFEST=${manifest}\"
            \"-DLIBRARY=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:cordon>\"
            \"-DOUT=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/cordon/cordon.plugin.json\"
            -P \"${PROJECT_SOURCE_DIR}/cmake/seal_manifest.cmake\"
    COMMAND_ERROR_IS_FATAL ANY)" COMPONENT runtime)

# ---- development: headers, pkg-config, CMake package ----
install(FILES ${PROJECT_SOURCE_DIR}/abi/cordon.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/abi/cpp/cordon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN *.hpp)
install(FILES ${PROJECT_SOURCE_DIR}/abi/symbols.json DESTINATION ${CMAKE_INSTALL_DATADIR}/cordon COMPONENT development)
file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" up_to_prefix "${up_to_prefix}")
configure_file(cmake/cordon.pc.in ${config_dir}/cordon.pc @ONLY)
install(FILES ${config_dir}/cordon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
set(manifest_in_prefix ${CMAKE_INSTALL_LIBDIR}/cordon/cordon.plugin.json)
configure_package_config_file(cmake/CordonConfig.cmake.in ${config_dir}/CordonConfig.cmake
                              INSTALL_DESTINATION ${packages_dir} PATH_VARS manifest_in_prefix)
write_basic_package_version_file(${config_dir}/CordonConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${config_dir}/CordonConfig.cmake ${config_dir}/CordonConfigVersion.cmake DESTINATION ${packages_dir}
        COMPONENT development)
install(EXPORT CordonTargets NAMESPACE Cordon:: DESTINATION ${packages_dir} COMPONENT development)

# ---- emulator ----
install(TARGETS cordon-emulator RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT emulator)
install(FILES ${PROJECT_SOURCE_DIR}/src/emulator/scenario.schema.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/cordon-emulator COMPONENT emulator)
configure_file(cmake/man/cordon-emulator.1.in ${config_dir}/cordon-emulator.1 @ONLY)
install(FILES ${config_dir}/cordon-emulator.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT emulator)

# ---- the archive is no package of a distribution, which would say it its own way ----
if(CORDON_PORTABLE)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/cordon COMPONENT runtime)
endif()

# What was really linked is told by the linker; cmake/sbom.py reads it.
if(CMAKE_BUILD_TYPE STREQUAL Release)
  foreach(target cordon cordon_cli cordon-emulator)
    target_link_options(${target} PRIVATE LINKER:-Map=$<TARGET_FILE:${target}>.map)
  endforeach()
endif()
