# SPDX-License-Identifier: MIT
# Other people's libraries judge what `must` reads and writes, by programs of judges/. One that is not there is skipped.
add_executable(must_judge_avro judges/avro.cpp)
target_link_libraries(must_judge_avro PRIVATE must_dev)
add_test(NAME "judges: Avro, by fastavro" COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/avro.sh" try
  "$<TARGET_FILE:must_judge_avro>")
set_tests_properties("judges: Avro, by fastavro" PROPERTIES LABELS servers SKIP_RETURN_CODE 77 TIMEOUT 600)
