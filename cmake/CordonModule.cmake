# One CMake target per folder of src/. The warnings and sanitizers below hold for every target of the project.
add_library(cordon_flags INTERFACE)
target_compile_options(
  cordon_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
                         $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>)
target_link_options(cordon_flags INTERFACE LINKER:-z,now,-z,relro)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # It takes what a unity source includes for a header.
  target_compile_options(cordon_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(CORDON_SANITIZE)
  target_compile_options(cordon_flags INTERFACE -fsanitize=${CORDON_SANITIZE} -fno-sanitize-recover=all
                                                -fno-omit-frame-pointer)
  target_link_options(cordon_flags INTERFACE -fsanitize=${CORDON_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang AND CORDON_SANITIZE MATCHES undefined)
    # clang 14 can't emit the type mark of that check for the parts of a coroutine.
    target_compile_options(cordon_flags INTERFACE -fno-sanitize=function)
    # A C program that loads the library has to bring along what the library's checks of C++ need.
    target_link_options(cordon_flags INTERFACE $<$<LINK_LANGUAGE:C>:-fsanitize-link-c++-runtime>)
    target_link_libraries(cordon_flags INTERFACE $<$<LINK_LANGUAGE:C>:stdc++>)
  endif()
endif()

# cordon_module(<name> [DEPS module...] [LINK library...] [ALONE source...]): the static library cordon_<name> of this
# folder's sources. In a unity build those named after ALONE are compiled by themselves.
function(cordon_module name)
  cmake_parse_arguments(arg "" "" "DEPS;LINK;ALONE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(cordon_${name} STATIC ${sources})
  if(arg_ALONE)
    set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  target_include_directories(cordon_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPS PREPEND cordon_)
  target_link_libraries(cordon_${name} PUBLIC cordon_flags ${arg_DEPS} ${arg_LINK})
  if(name STREQUAL base)
    target_precompile_headers(cordon_base PRIVATE <base/json_destroy.hpp> <fmt/format.h> <tl/expected.hpp> <functional>
                              <map> <memory> <optional> <string> <vector>)
  else()
    target_precompile_headers(cordon_${name} REUSE_FROM cordon_base)
  endif()
endfunction()

# cordon_test(<name> SOURCES source... [LINK library...] [ALONE source...]): a GoogleTest program, each of its tests known
# to ctest. ALONE as above.
function(cordon_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;ALONE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(arg_ALONE)
    set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  target_link_libraries(${name} PRIVATE cordon_flags ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  # The modules are compiled as -fPIC; sharing their precompiled header asks for the same.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM cordon_base)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
