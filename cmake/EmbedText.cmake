# embed_text(<target> <symbol> <file>): compiles a text file into <target> as
#   extern const std::string_view cordon::embedded::<symbol>;
# declared by the generated header embedded/<symbol>.hpp.
function(embed_text target symbol file)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes
                       "${bytes}")
  file(CONFIGURE OUTPUT ${out}/${symbol}.hpp CONTENT
"#pragma once
#include <string_view>
namespace cordon::embedded {
extern const std::string_view @symbol@;
}
" @ONLY)
  file(CONFIGURE OUTPUT ${out}/${symbol}.cpp CONTENT
"#include \"embedded/@symbol@.hpp\"
namespace cordon::embedded {
static const unsigned char bytes[] = {
@bytes@0};
const std::string_view @symbol@(reinterpret_cast<const char *>(bytes), sizeof bytes - 1);
}
" @ONLY)
  target_sources(${target} PRIVATE ${out}/${symbol}.cpp)
  set_source_files_properties(${out}/${symbol}.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
