# Writes into a manifest where the library lies and what is in it: library.file, relative to the manifest, and
# library.sha256. Run again by whoever changes the library after it was installed (strip, sign).
#
#   cmake -DMANIFEST=<manifest> -DLIBRARY=<libcordon.so.X.Y.Z> -DOUT=<manifest to write, may be the same> -P seal_manifest.cmake
foreach(argument MANIFEST LIBRARY OUT)
  if(NOT DEFINED ${argument})
    message(FATAL_ERROR "seal_manifest: ${argument} is missing")
  endif()
endforeach()
if(IS_SYMLINK "${LIBRARY}" OR NOT EXISTS "${LIBRARY}")
  message(FATAL_ERROR "seal_manifest: ${LIBRARY} is no file; name the library itself, not a link to it")
endif()
get_filename_component(folder "${OUT}" DIRECTORY)
file(RELATIVE_PATH library "${folder}" "${LIBRARY}")
file(SHA256 "${LIBRARY}" sha256)
file(READ "${MANIFEST}" text)
set(sealed "\"file\": \"[^\"]*\", \"sha256\": \"[^\"]*\", ")
string(REGEX MATCHALL "\"library\": {(${sealed})?\"soname\"" places "${text}")
list(LENGTH places count)
if(NOT count EQUAL 1)
  message(FATAL_ERROR "seal_manifest: ${MANIFEST} has ${count} members \"library\" that begin with \"soname\", not one")
endif()
string(REGEX REPLACE "\"library\": {(${sealed})?\"soname\""
                     "\"library\": {\"file\": \"${library}\", \"sha256\": \"${sha256}\", \"soname\"" text "${text}")
file(WRITE "${OUT}" "${text}")
file(CHMOD "${OUT}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
