# SPDX-License-Identifier: MIT
# Other people's libraries judge what `must` reads and writes, by programs of judges/. One that is not there is skipped.
add_executable(must_judge_avro judges/avro.cpp)
target_link_libraries(must_judge_avro PRIVATE must_dev)
add_test(NAME "judges: Avro, by fastavro" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/avro.sh" try
  "$<TARGET_FILE:must_judge_avro>")
set_tests_properties("judges: Avro, by fastavro" PROPERTIES LABELS servers SKIP_RETURN_CODE 77 TIMEOUT 600)

if("avro" IN_LIST must_components)
  add_executable(must_judge_avro_commit judges/avro_commit.cpp)
  target_link_libraries(must_judge_avro_commit PRIVATE must_dev)
  # must_judged_log(<who> <script> <command>): by them the file of a log is judged.
  function(must_judged_log who script command)
    set(test "judges: the Avro file of a log, by ${who}")
    add_test(NAME "${test}" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/${script}" ${command}
      "$<TARGET_FILE:must_judge_avro_commit>")
    set_tests_properties("${test}" PROPERTIES LABELS servers SKIP_RETURN_CODE 77 TIMEOUT 600)
  endfunction()
  must_judged_log(fastavro avro.sh try_commit)
  must_judged_log(avro-tools avro_java.sh try)
  must_judged_log(avsc avro_js.sh try)
  must_judged_log("Avro for Python" avro_python.sh try)
endif()
