# SPDX-License-Identifier: MIT
# No header in `folder` is longer than 500 lines. cmake -D folder=... -P header_length.cmake
file(GLOB_RECURSE headers "${folder}/*.hpp")
foreach(header IN LISTS headers)
  file(READ "${header}" text)
  string(REGEX REPLACE "[^\n]+" "" lines "${text}")
  string(LENGTH "${lines}" lines)
  if(lines GREATER 500)
    message(SEND_ERROR "${header} has ${lines} lines")
  endif()
endforeach()
