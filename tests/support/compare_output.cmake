# SPDX-License-Identifier: MIT
# Runs `program` and compares what it prints with the file `expected`, byte for byte.
# cmake -D program=... -D expected=... -P compare_output.cmake
execute_process(COMMAND "${program}" OUTPUT_FILE "${program}.printed" RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${program} ends with ${result}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -E compare_files "${program}.printed" "${expected}" RESULT_VARIABLE differs)
if(differs)
  execute_process(COMMAND diff -u --label expected --label printed "${expected}" "${program}.printed"
    OUTPUT_VARIABLE difference ERROR_VARIABLE difference)
  message(NOTICE "${difference}")
  message(FATAL_ERROR "${program} does not print ${expected}")
endif()
