# SPDX-License-Identifier: MIT
# Runs `program` with `arguments` and compares what it prints, kept in the file `printed` or beside the program, with the
# file `expected`, byte for byte; what `fresh` names is removed before. With `may_skip`, a program that prints
# "skipped: " and why is not judged: ctest sees what it prints.
# cmake -D program=... [-D arguments=...] [-D fresh=...] [-D printed=...] [-D may_skip=ON] -D expected=... -P compare_output.cmake
if(NOT printed)
  set(printed "${program}.printed")
endif()
if(fresh)
  file(GLOB old "${fresh}*")
  if(old)
    file(REMOVE ${old})
  endif()
endif()
execute_process(COMMAND "${program}" ${arguments} OUTPUT_FILE "${printed}" RESULT_VARIABLE result)
file(STRINGS "${printed}" skipped REGEX "^skipped: ")
if(skipped AND may_skip AND result EQUAL 0)
  message(NOTICE "${skipped}")
  return()
endif()
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${program} ends with ${result}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -E compare_files "${printed}" "${expected}" RESULT_VARIABLE differs)
if(differs)
  execute_process(COMMAND diff -u --label expected --label printed "${expected}" "${printed}"
    OUTPUT_VARIABLE difference ERROR_VARIABLE difference)
  message(NOTICE "${difference}")
  message(FATAL_ERROR "${program} does not print ${expected}")
endif()
