# SPDX-License-Identifier: MIT
# Preprocesses `header`: with GCC at most `most` lines come out, and no heavy header goes in.
# cmake -D header=... -D most=... -D id=<GNU|Clang> -P header_budget.cmake -- <compiler> <flag>...
set(heavy nlohmann/[^ ]* iostream regex functional filesystem thread ranges chrono)

foreach(i RANGE 1 ${CMAKE_ARGC})
  if(DEFINED command)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(command "")
  endif()
endforeach()
list(APPEND command -include ${header} -x c++ /dev/null)

execute_process(COMMAND ${command} -M OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
foreach(name IN LISTS heavy)
  if(files MATCHES "/${name}[ \n]")
    message(SEND_ERROR "${header} reaches <${name}>; `-H` shows by which way")
  endif()
endforeach()

if(id STREQUAL "GNU")
  execute_process(COMMAND ${command} -E -P OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "[^\n]+" "" lines "${text}")
  string(LENGTH "${lines}" lines)
  message(STATUS "${header}: ${lines} of ${most} lines")
  if(lines GREATER most)
    message(SEND_ERROR "${header} is ${lines} lines preprocessed, more than ${most}")
  endif()
endif()
