# SPDX-License-Identifier: MIT
# Replays what fuzzing found: fuzz/<name>_fuzz.cpp reads each file in fuzz/corpus/<name>.
file(GLOB fuzzers CONFIGURE_DEPENDS "fuzz/*_fuzz.cpp")
foreach(source IN LISTS fuzzers)
  cmake_path(GET source STEM target)
  string(REPLACE "_fuzz" "" name "${target}")
  add_executable(${target} "${source}")
  target_compile_definitions(${target} PRIVATE MUST_REPLAY)
  target_link_libraries(${target} PRIVATE must_dev)
  file(GLOB corpus CONFIGURE_DEPENDS "fuzz/corpus/${name}/*")
  add_test(NAME "fuzz: ${name}, its corpus" COMMAND ${target} ${corpus})
  set_tests_properties("fuzz: ${name}, its corpus" PROPERTIES LABELS fuzz)
endforeach()
