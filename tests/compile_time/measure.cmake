# SPDX-License-Identifier: MIT
# What must costs at compile time: cmake [-D "compilers=g++;clang++"] [-D runs=3] -P tests/compile_time/measure.cmake
# Prints milliseconds (the best of the runs, -O0) of 1 to 300 commands beside the same called by hand, of 100 commands on
# a store of 100 events beside one of 1, and the preprocessed lines of each header.
cmake_minimum_required(VERSION 3.25)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH tests)
cmake_path(GET tests PARENT_PATH root)
if(NOT compilers)
  set(compilers g++-12 clang++-19)
endif()
if(NOT runs)
  set(runs 3)
endif()
set(scratch "${root}/build/compile_time")
file(MAKE_DIRECTORY "${scratch}")

# A file of <commands> commands on a store of <events> events, run by must or by hand.
function(write_commands file commands events by)
  set(text "#include \"must/must.hpp\"\n#include \"must/storage/memory.hpp\"\n#include <string>\n")
  set(names "")
  foreach(i RANGE 1 ${events})
    string(APPEND text "struct Noted${i} { std::string stream; int n; };\n")
    list(APPEND names Noted${i})
  endforeach()
  list(JOIN names ", " names)
  string(APPEND text "using store_type = must::memory_store<${names}>;\n")
  foreach(i RANGE 1 ${commands})
    math(EXPR event "(${i} - 1) % ${events} + 1")
    string(APPEND text "struct Command${i} {
  std::string name; int n;
  bool be_authorized() const { return n != ${i}; }
  bool be_valid() const { return n > ${i}; }
  Noted${event} be_translated_to_events() const { return {name, n + ${i}}; }
};
must::position run${i}(store_type& store, const Command${i}& command) {
")
    if(by STREQUAL must)
      string(APPEND text "  return must::process_command(command, store).last;\n}\n")
    else()
      string(APPEND text "  if (!command.be_authorized()) throw must::unauthorized(must::error{.message = \"no\"});
  if (!command.be_valid()) throw must::invalid(must::error{.message = \"no\"});
  return must::append(store, command.be_translated_to_events()).last;\n}\n")
    endif()
  endforeach()
  file(WRITE "${file}" "${text}")
endfunction()

# The best of some runs, in milliseconds.
function(measure result compiler file)
  set(best 1000000000)
  foreach(run RANGE 1 ${runs})
    string(TIMESTAMP began "%s%f")
    execute_process(COMMAND ${compiler} -std=c++20 -O0 "-I${root}/include" -c "${file}" -o "${scratch}/out.o"
      COMMAND_ERROR_IS_FATAL ANY)
    string(TIMESTAMP ended "%s%f")
    math(EXPR took "(${ended} - ${began}) / 1000")
    if(took LESS best)
      set(best ${took})
    endif()
  endforeach()
  set(${result} ${best} PARENT_SCOPE)
endfunction()

function(print_row what measured baseline)
  math(EXPR ratio "100 * ${measured} / ${baseline}")
  string(REGEX REPLACE "^(.*)(..)$" "\\1.\\2" ratio "0${ratio}")
  string(REGEX REPLACE "^0+([0-9])" "\\1" ratio "${ratio}")
  message("| ${what} | ${measured} | ${baseline} | ${ratio} |")
endfunction()

foreach(compiler IN LISTS compilers)
  message("\n| ${compiler}, milliseconds | must | baseline | ratio |\n|---|---|---|---|")
  foreach(count IN ITEMS 1 10 100 300)
    write_commands("${scratch}/must.cpp" ${count} 1 must)
    write_commands("${scratch}/hand.cpp" ${count} 1 hand)
    measure(with_must ${compiler} "${scratch}/must.cpp")
    measure(by_hand ${compiler} "${scratch}/hand.cpp")
    print_row("${count} commands / the same by hand" ${with_must} ${by_hand})
  endforeach()
  write_commands("${scratch}/must.cpp" 100 100 must)
  write_commands("${scratch}/hand.cpp" 100 1 must)
  measure(many ${compiler} "${scratch}/must.cpp")
  measure(one ${compiler} "${scratch}/hand.cpp")
  print_row("100 commands on a store of 100 events / of 1 event" ${many} ${one})
endforeach()

list(GET compilers 0 compiler)
message("\n| header | preprocessed lines, ${compiler} |\n|---|---|")
file(GLOB headers RELATIVE "${root}/include" "${root}/include/must/*.hpp" "${root}/include/must/codec/*.hpp"
  "${root}/include/must/delivery/*.hpp" "${root}/include/must/model/*.hpp" "${root}/include/must/storage/*.hpp")
foreach(header IN LISTS headers)
  file(WRITE "${scratch}/header.cpp" "#include \"${header}\"\n")
  execute_process(COMMAND ${compiler} -std=c++20 -E -P "-I${root}/include" -I/usr/include/postgresql "${scratch}/header.cpp"
    OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "[^\n]" "" text "${text}")
  string(LENGTH "${text}" lines)
  message("| `${header}` | ${lines} |")
endforeach()
