# SPDX-License-Identifier: MIT
# A test of something that is not here: says `why` it is skipped, and fails where `what` has been installed for it.
# cmake -D what=... -D why=... -P skip.cmake
cmake_policy(VERSION 3.25)
separate_arguments(expected UNIX_COMMAND "$ENV{MUST_EXPECTED}")
if(what AND what IN_LIST expected)
  message(FATAL_ERROR "not skipped, since ${what} is expected: ${why}")
endif()
message(NOTICE "skipped: ${why}")
