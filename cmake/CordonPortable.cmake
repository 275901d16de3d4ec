# The preset portable: a libcordon.so that needs nothing but libc at run time, for hosts whose distribution is not known.
# Everything else comes from Debian's static archives; included after the packages were found.
#
# Two of these archives are of no use. libcurl.a has Negotiate compiled in, which needs libgssapi_krb5, and of that Debian
# has no archive; libnghttp2.a is not position-independent. Both are built from Debian's own source packages, patches
# included; libcurl for HTTP and HTTPS only, so without Negotiate, IDN and compression.
include(ExternalProject)

# cordon_archive(<variable> <name>): the static archive lib<name>.a of the distribution.
function(cordon_archive variable name)
  find_library(CORDON_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
  set(${variable} ${CORDON_ARCHIVE_${name}} PARENT_SCOPE)
endfunction()

cordon_archive(sodium sodium)
cordon_archive(sqlite sqlite3)
set_property(TARGET PkgConfig::SODIUM PROPERTY INTERFACE_LINK_LIBRARIES ${sodium})
set_property(TARGET PkgConfig::SQLITE PROPERTY INTERFACE_LINK_LIBRARIES ${sqlite} m)
if(TARGET PkgConfig::RE2)
  cordon_archive(re2 re2)
  set_property(TARGET PkgConfig::RE2 PROPERTY INTERFACE_LINK_LIBRARIES ${re2})
endif()

# cordon_debian_library(<name> <development package> <archive> <cmake argument>...): the target cordon_<name>, which
# builds ${CMAKE_BINARY_DIR}/debian/<name>/build/<archive>.
function(cordon_debian_library name package archive)
  set(folder ${CMAKE_BINARY_DIR}/debian/${name})
  ExternalProject_Add(
    cordon_${name}
    PREFIX ${folder}
    DOWNLOAD_COMMAND sh ${PROJECT_SOURCE_DIR}/cmake/debian_source.sh ${package} ${folder}/source
    SOURCE_DIR ${folder}/source/tree
    BINARY_DIR ${folder}/build
    CMAKE_ARGS -DCMAKE_BUILD_TYPE=Release
               -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}
               -DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
               -DCMAKE_C_FLAGS_RELEASE=${CMAKE_C_FLAGS_RELEASE}
               -DCMAKE_POSITION_INDEPENDENT_CODE=ON
               ${ARGN}
    BUILD_BYPRODUCTS ${folder}/build/${archive}
    INSTALL_COMMAND "")
endfunction()

cordon_debian_library(nghttp2 libnghttp2-dev lib/libnghttp2.a -DENABLE_LIB_ONLY=ON -DENABLE_STATIC_LIB=ON
                      -DENABLE_SHARED_LIB=OFF -DENABLE_DOC=OFF)
cordon_debian_library(curl libcurl4-openssl-dev lib/libcurl.a -DBUILD_SHARED_LIBS=OFF -DBUILD_CURL_EXE=OFF
                      -DBUILD_TESTING=OFF -DPICKY_COMPILER=OFF -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DUSE_NGHTTP2=ON
                      -DCURL_ZLIB=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF
                      -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt -DCURL_CA_PATH=none)
add_dependencies(PkgConfig::CURL cordon_curl cordon_nghttp2)
set(built ${CMAKE_BINARY_DIR}/debian)
set_property(TARGET PkgConfig::CURL PROPERTY INTERFACE_LINK_LIBRARIES ${built}/curl/build/lib/libcurl.a
                                             ${built}/nghttp2/build/lib/libnghttp2.a OpenSSL::SSL OpenSSL::Crypto)

# What nobody calls goes: of libstdc++ too, which otherwise asks for a newer glibc than anything here needs.
add_link_options(-static-libstdc++ -static-libgcc LINKER:--gc-sections)
