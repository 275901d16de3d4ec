# cpack -G DEB: the Debian packages libcordon1, libcordon-dev and cordon-emulator, by component.
# cpack -G TGZ: one archive of everything, what the preset portable is for.
set(debian ${PROJECT_SOURCE_DIR}/cmake/debian)
set(control ${CMAKE_CURRENT_BINARY_DIR}/debian)
file(STRINGS ${debian}/changelog first LIMIT_COUNT 1)
string(REGEX MATCH "^cordon \\(([0-9.]+)-([0-9]+)\\)" matched "${first}")
if(NOT CMAKE_MATCH_1 VERSION_EQUAL PROJECT_VERSION)
  message(FATAL_ERROR "cmake/debian/changelog begins with version ${CMAKE_MATCH_1}, the project is ${PROJECT_VERSION}")
endif()
set(revision ${CMAKE_MATCH_2})
file(STRINGS ${debian}/changelog signature REGEX "^ -- .*>  ")
list(GET signature 0 signature)
string(REGEX REPLACE "^ -- (.*>)  .*" "\\1" maintainer "${signature}")

set(CPACK_PACKAGE_NAME cordon)
set(CPACK_PACKAGE_VENDOR Cordon)
set(CPACK_PACKAGE_CONTACT "${maintainer}")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
string(TOLOWER ${CMAKE_SYSTEM_NAME} system)
set(CPACK_PACKAGE_FILE_NAME cordon-${PROJECT_VERSION}-${system}-${CMAKE_SYSTEM_PROCESSOR})
if(CORDON_PORTABLE)
  set(CPACK_GENERATOR TGZ)
else()
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
endif()
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package begins with a line of its own
set(CPACK_COMPONENTS_ALL runtime development emulator)
set(CPACK_VERBATIM_VARIABLES ON)

# ---- DEB ----
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${revision})
set(CPACK_DEBIAN_PACKAGE_SOURCE cordon)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(version "${PROJECT_VERSION}-${revision}")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libcordon1)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "cordon-emulator")
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "contain devices with Microsoft Defender for Endpoint, as a library
Hosts of security automation load libcordon through a stable C ABI to restrict
app execution on devices, to stop and quarantine files, and to follow each
action to its true end. A request is durable before it leaves and is never
sent twice; secrets live in an encrypted vault and never come out.

This package contains the library, its plugin manifest, the command line
cordon, and sets up the user cordon with its directories.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/postrm ${debian}/triggers
                                               ${control}/symbols ${control}/shlibs)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libcordon-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libcordon1 (= ${version})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "cordon-emulator")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "contain devices with Microsoft Defender for Endpoint, development files
Hosts of security automation load libcordon through a stable C ABI to restrict
app execution on devices, to stop and quarantine files, and to follow each
action to its true end.

This package contains the C header, the header-only C++ binding and the files
of pkg-config and CMake.")

set(CPACK_DEBIAN_EMULATOR_PACKAGE_NAME cordon-emulator)
set(CPACK_DEBIAN_EMULATOR_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_EMULATOR_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_EMULATOR_DESCRIPTION "made-up Microsoft Defender for Endpoint service for tests
Serves the token endpoints and the API over TLS on loopback, with a fleet of
devices, quotas, delays and faults that can be armed while it runs, so that
playbooks and hosts of libcordon can be tested without a tenant.")

# Every symbol with the release that brought it, from abi/symbols.json.
file(READ ${PROJECT_SOURCE_DIR}/abi/symbols.json symbols)
string(JSON soname GET "${symbols}" soname)
string(JSON count LENGTH "${symbols}" symbols)
math(EXPR last "${count} - 1")
set(lines "")
foreach(i RANGE ${last})
  string(JSON name GET "${symbols}" symbols ${i} name)
  string(JSON node GET "${symbols}" symbols ${i} node)
  string(JSON since GET "${symbols}" symbols ${i} since)
  list(APPEND lines " ${node}@${node} ${since}" " ${name}@${node} ${since}")
endforeach()
list(REMOVE_DUPLICATES lines)
list(SORT lines)
list(JOIN lines "\n" lines)
file(CONFIGURE OUTPUT ${control}/symbols CONTENT "${soname} libcordon1 #MINVER#\n* Build-Depends-Package: libcordon-dev\n${lines}\n" @ONLY)
string(REGEX REPLACE "^(.*)\\.so\\.([0-9]+)$" "\\1 \\2" stem "${soname}")
file(CONFIGURE OUTPUT ${control}/shlibs CONTENT "${stem} libcordon1 (>= ${PROJECT_VERSION})\n" @ONLY)

set(CPACK_CORDON_DEBIAN_DIR ${debian})
set(CPACK_PRE_BUILD_SCRIPTS ${debian}/layout.cmake)
if(CORDON_PORTABLE)
  set(CPACK_CORDON_BINARY_DIR ${CMAKE_BINARY_DIR})
  set(CPACK_CORDON_SBOM ${PROJECT_SOURCE_DIR}/cmake/sbom.py)
  set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/portable_layout.cmake)
endif()

include(CPack)
