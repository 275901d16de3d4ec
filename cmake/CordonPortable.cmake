# The preset portable: a libcordon.so that needs nothing but libc at run time, for hosts whose distribution is not known.
# Everything else comes from Debian's static archives; called after the packages were found.
#
# Debian's libcurl.a is of no use here: it has Negotiate compiled in, which needs libgssapi_krb5, and of that Debian has
# no archive. So libcurl is built from Debian's own source package, patches included, for HTTP and HTTPS only.
include(ExternalProject)

# cordon_archive(<variable> <name>): the static archive lib<name>.a of the distribution.
function(cordon_archive variable name)
  find_library(CORDON_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
  set(${variable} ${CORDON_ARCHIVE_${name}} PARENT_SCOPE)
endfunction()

cordon_archive(sodium sodium)
cordon_archive(sqlite sqlite3)
cordon_archive(nghttp2 nghttp2)
set_property(TARGET PkgConfig::SODIUM PROPERTY INTERFACE_LINK_LIBRARIES ${sodium})
set_property(TARGET PkgConfig::SQLITE PROPERTY INTERFACE_LINK_LIBRARIES ${sqlite} m)
if(TARGET PkgConfig::RE2)
  cordon_archive(re2 re2)
  set_property(TARGET PkgConfig::RE2 PROPERTY INTERFACE_LINK_LIBRARIES ${re2})
endif()

set(curl_dir ${CMAKE_BINARY_DIR}/curl)
set(curl ${curl_dir}/build/lib/libcurl.a)
ExternalProject_Add(
  cordon_curl
  PREFIX ${curl_dir}
  DOWNLOAD_COMMAND sh ${PROJECT_SOURCE_DIR}/cmake/curl_from_debian.sh ${curl_dir}/source
  SOURCE_DIR ${curl_dir}/source/curl
  BINARY_DIR ${curl_dir}/build
  CMAKE_ARGS -DCMAKE_BUILD_TYPE=Release
             -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}
             -DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
             -DCMAKE_C_FLAGS_RELEASE=${CMAKE_C_FLAGS_RELEASE}
             -DCMAKE_POSITION_INDEPENDENT_CODE=ON
             -DBUILD_SHARED_LIBS=OFF
             -DBUILD_CURL_EXE=OFF
             -DBUILD_TESTING=OFF
             -DPICKY_COMPILER=OFF
             -DHTTP_ONLY=ON
             -DCURL_USE_OPENSSL=ON
             -DUSE_NGHTTP2=ON
             -DCURL_ZLIB=OFF
             -DUSE_LIBIDN2=OFF
             -DCURL_USE_LIBPSL=OFF
             -DCURL_USE_LIBSSH2=OFF
             -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
             -DCURL_CA_PATH=none
  BUILD_BYPRODUCTS ${curl}
  INSTALL_COMMAND "")
add_dependencies(PkgConfig::CURL cordon_curl)
set_property(TARGET PkgConfig::CURL PROPERTY INTERFACE_LINK_LIBRARIES ${curl} ${nghttp2} OpenSSL::SSL OpenSSL::Crypto)

add_link_options(-static-libstdc++ -static-libgcc)
