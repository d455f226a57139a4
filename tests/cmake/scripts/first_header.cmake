# SPDX-License-Identifier: MIT
# cmake -D include=<folder> -P first_header.cmake -- <compiler> <flag>...
# Each public header, as the first that a program of too old a C++ includes, ends with the one sentence that says so.
set(command "")
set(is_command FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(is_command)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(is_command TRUE)
  endif()
endforeach()

file(GLOB headers RELATIVE "${include}" "${include}/must/*.hpp" "${include}/must/*/*.hpp")
list(FILTER headers EXCLUDE REGEX "/version.hpp|/detail/|/text/|/postgres.hpp")  # of any C++; ours alone (two); libpq's comes first
foreach(header IN LISTS headers)
  execute_process(COMMAND ${command} -fsyntax-only -x c++ -include "${header}" /dev/null
    ERROR_VARIABLE said OUTPUT_QUIET)
  string(REGEX MATCHALL "error:" errors "${said}")
  list(LENGTH errors count)
  if(NOT said MATCHES "must needs C\\+\\+20" OR count GREATER 2)
    message(SEND_ERROR "${header} says ${count} errors:\n${said}")
  endif()
endforeach()
