# SPDX-License-Identifier: MIT
# Code that must not compile. Each compile_fail/*.cpp compiles as it stands; with MUST_COMPILE_FAIL defined the compiler
# refuses it and prints what its line `// error: <regex>` says. Two tests a file. See scripts/compile_fail.cmake.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
list(APPEND flags "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}" "-I${PROJECT_SOURCE_DIR}/include"
     "-I${CMAKE_CURRENT_SOURCE_DIR}/stores")

# What nearly all of them include is precompiled once, with the very flags that they are compiled with.
set(shared "${CMAKE_CURRENT_BINARY_DIR}/compile_fail/shared.hpp")
set(shared_includes "#include \"declared_store.hpp\"\n")
file(CONFIGURE OUTPUT "${shared}" CONTENT "@shared_includes@" @ONLY)
add_custom_command(OUTPUT "${shared}.gch" DEPENDS "${shared}" DEPFILE "${shared}.d"
  COMMAND "${CMAKE_CXX_COMPILER}" ${flags} -MD -MF "${shared}.d" -MT "${shared}.gch"
    -x c++-header "${shared}" -o "${shared}.gch"
  COMMENT "Precompiling what compile_fail shares" VERBATIM)
add_custom_target(compile_fail_shared ALL DEPENDS "${shared}.gch")

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
      -D "file=${file}" -D macro=${macro} -D id=${CMAKE_CXX_COMPILER_ID} -D "shared=${shared}"
      -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compile_fail.cmake"
      -- "${CMAKE_CXX_COMPILER}" ${flags})
    set_tests_properties("${test}" PROPERTIES LABELS compile_fail)
  endforeach()
endforeach()

add_test(NAME "compile_fail: every sentence of a static_assert has a file" COMMAND "${CMAKE_COMMAND}"
  -D "include=${PROJECT_SOURCE_DIR}/include" -D "tests=${CMAKE_CURRENT_SOURCE_DIR}/compile_fail"
  -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/compile_fail_sentences.cmake")
set_tests_properties("compile_fail: every sentence of a static_assert has a file" PROPERTIES LABELS compile_fail)

# must_refuses(<name> <regex> <flag>...): the compiler refuses must.hpp with one sentence, and stops.
function(must_refuses name regex)
  add_test(NAME "compile_fail: ${name}" COMMAND "${CMAKE_CXX_COMPILER}" ${flags} ${ARGN} -fsyntax-only
    -x c++ -include must/must.hpp /dev/null)
  set_tests_properties("compile_fail: ${name}" PROPERTIES LABELS compile_fail
    PASS_REGULAR_EXPRESSION "${regex}.*must/stops_here" FAIL_REGULAR_EXPRESSION "error:.*error:.*error:")
endfunction()
must_refuses("C++17" "must needs C\\+\\+20: compile with -std=c\\+\\+20 or later" -std=c++17)
add_test(NAME "compile_fail: C++17, whatever header comes first" COMMAND "${CMAKE_COMMAND}"
  -D "include=${PROJECT_SOURCE_DIR}/include" -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/first_header.cmake"
  -- "${CMAKE_CXX_COMPILER}" ${flags} -std=c++17)
set_tests_properties("compile_fail: C++17, whatever header comes first" PROPERTIES LABELS compile_fail)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  must_refuses("GCC 11" "must needs GCC 12 or later" -U__GNUC__ -D__GNUC__=11)
else()
  must_refuses("clang 13" "must needs clang 14 or later" -U__clang_major__ -D__clang_major__=13)
endif()

# A precompiled header of another version.
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/other_version.hpp" "#define MUST_VERSION_MAJOR 99\n")
add_test(NAME "compile_fail: two versions of must" COMMAND "${CMAKE_CXX_COMPILER}" ${flags} -fsyntax-only
  -x c++ -include "${CMAKE_CURRENT_BINARY_DIR}/other_version.hpp" -include must/version.hpp /dev/null)
set_tests_properties("compile_fail: two versions of must" PROPERTIES LABELS compile_fail
  PASS_REGULAR_EXPRESSION "warning: .*two versions of must meet here" FAIL_REGULAR_EXPRESSION "redefined;error:")
