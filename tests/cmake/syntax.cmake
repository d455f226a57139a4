# SPDX-License-Identifier: MIT
# A compiler that reads a source and writes no object: a third of the time, and every warning of its front end.
separate_arguments(must_syntax_flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
get_target_property(must_syntax_warnings must_dev INTERFACE_COMPILE_OPTIONS)
list(APPEND must_syntax_flags ${must_syntax_warnings})
set(must_syntax_folders
  "-I$<JOIN:$<FILTER:$<TARGET_PROPERTY:must_test_support,INCLUDE_DIRECTORIES>,EXCLUDE,^/usr/include$>,;-I>")
set(must_syntax_macros "$<TARGET_PROPERTY:must_test_support,INTERFACE_COMPILE_DEFINITIONS>")
set(must_syntax_macros "$<$<BOOL:${must_syntax_macros}>:-D$<JOIN:${must_syntax_macros},;-D>>")

# must_syntax(<stamp> <what> <source> <flag>...): a build step that leaves <stamp> when the source has passed.
function(must_syntax stamp what source)
  cmake_path(GET stamp PARENT_PATH parent)
  file(MAKE_DIRECTORY "${parent}")
  add_custom_command(OUTPUT "${stamp}" DEPENDS "${source}" DEPFILE "${stamp}.d"
    COMMAND ${CMAKE_CXX_COMPILER} ${must_syntax_flags} ${CMAKE_CXX20_STANDARD_COMPILE_OPTION} "${must_syntax_folders}"
      "${must_syntax_macros}" ${ARGN} -fsyntax-only -MD -MF "${stamp}.d" -MT "${stamp}"
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    COMMENT "Checking ${what}" VERBATIM COMMAND_EXPAND_LISTS)
endfunction()
