# SPDX-License-Identifier: MIT
# Compiles `file` with `macro` defined, syntax only. With MUST_COMPILE_FAIL it has to fail and to say why. What it
# includes has been precompiled as `shared`.gch, which serves where it is included and no flags are added. In the file:
#   // error: <regex>     what the compiler prints; one or more
#   // flags: -DX ...     optional; given to the compiler
#   // lines: 16 30       optional; how many lines it prints at most: GCC, clang
# cmake -D file=... -D macro=... -D id=<GNU|Clang> -D shared=... -P compile_fail.cmake -- <compiler> <flag>...
foreach(i RANGE 1 ${CMAKE_ARGC})
  if(DEFINED command)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(command "")
  endif()
endforeach()

file(READ "${file}" text)
string(REGEX MATCH "// flags: ([^\n]+)" match "${text}")
separate_arguments(flags NATIVE_COMMAND "${CMAKE_MATCH_1}")
if(NOT flags AND text MATCHES "#include \"declared_store.hpp\"" AND EXISTS "${shared}.gch")
  if(id STREQUAL "GNU")
    list(APPEND flags -include "${shared}")
  else()
    list(APPEND flags -include-pch "${shared}.gch")
  endif()
endif()
execute_process(COMMAND ${command} ${flags} -D${macro} -fsyntax-only "${file}"
  RESULT_VARIABLE result OUTPUT_VARIABLE printed ERROR_VARIABLE printed)

if(NOT macro STREQUAL "MUST_COMPILE_FAIL")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "does not compile:\n${printed}")
  endif()
  return()
endif()

if(result EQUAL 0)
  message(FATAL_ERROR "compiles, though MUST_COMPILE_FAIL is defined")
endif()
string(REPLACE ";" "." regexes "${text}")  # which matches it, and ends no element of a list
string(REGEX MATCHALL "// error: [^\n]+" regexes "${regexes}")
if(NOT regexes)
  message(FATAL_ERROR "${file} has no line `// error: <regex>`")
endif()
foreach(regex IN LISTS regexes)
  string(SUBSTRING "${regex}" 10 -1 regex)
  if(NOT printed MATCHES "${regex}")
    message(FATAL_ERROR "the compiler does not print\n${regex}\nbut\n${printed}")
  endif()
endforeach()

if(text MATCHES "// lines: ([0-9]+) ([0-9]+)")
  set(most "${CMAKE_MATCH_1}")
  if(id MATCHES "Clang")
    set(most "${CMAKE_MATCH_2}")
  endif()
  string(REGEX REPLACE "[^\n]" "" lines "${printed}")
  string(LENGTH "${lines}" lines)
  if(lines GREATER most)
    message(FATAL_ERROR "the compiler prints ${lines} lines, more than ${most}:\n${printed}")
  endif()
endif()
