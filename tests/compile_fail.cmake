# SPDX-License-Identifier: MIT
# Code that must not compile. Each compile_fail/*.cpp compiles as it stands; with MUST_COMPILE_FAIL defined the compiler
# refuses it and prints what its line `// error: <regex>` says. Two tests a file. See support/compile_fail.cmake.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
list(APPEND flags "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}" "-I${PROJECT_SOURCE_DIR}/include")

file(GLOB files CONFIGURE_DEPENDS "compile_fail/*.cpp")
foreach(file IN LISTS files)
  cmake_path(GET file STEM name)
  foreach(macro IN ITEMS MUST_COMPILE MUST_COMPILE_FAIL)
    if(macro STREQUAL "MUST_COMPILE")
      set(test "compile_fail: ${name}, mended")
    else()
      set(test "compile_fail: ${name}")
    endif()
    add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}"
      -D "file=${file}" -D macro=${macro} -D id=${CMAKE_CXX_COMPILER_ID}
      -P "${CMAKE_CURRENT_SOURCE_DIR}/support/compile_fail.cmake"
      -- "${CMAKE_CXX_COMPILER}" ${flags})
    set_tests_properties("${test}" PROPERTIES LABELS compile_fail)
  endforeach()
endforeach()
