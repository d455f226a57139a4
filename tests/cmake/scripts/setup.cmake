# SPDX-License-Identifier: MIT
# cmake/setup.sh on a machine with next to nothing, as somebody who is not root: it ends with a sentence.
# cmake -D setup=cmake/setup.sh -D work=... -P setup.cmake
cmake_policy(VERSION 3.25)

# must_bare_machine(<regex> <program>...): what setup.sh says where these programs are all there is besides those it reads by.
function(must_bare_machine says)
  file(REMOVE_RECURSE "${work}")
  file(MAKE_DIRECTORY "${work}")
  foreach(program IN ITEMS sh env sed dirname)
    find_program(path_${program} ${program} REQUIRED)
    file(CREATE_LINK "${path_${program}}" "${work}/${program}" SYMBOLIC)
  endforeach()
  foreach(program IN ITEMS id ${ARGN})
    file(WRITE "${work}/${program}" "#!${path_sh}\necho 1000\n")
    file(CHMOD "${work}/${program}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  endforeach()
  execute_process(COMMAND "${path_env}" -i "PATH=${work}" "${path_sh}" "${setup}" demo
    OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE status)
  if(status EQUAL 0 OR NOT said MATCHES "${says}")
    message(SEND_ERROR "setup.sh with ${ARGN} ended with ${status} and said\n${said}")
  endif()
endfunction()

must_bare_machine("sudo is not here: run as root: apt-get install g\\+\\+ cmake ninja-build make git " apt-get)
must_bare_machine("apt-get is not here: install by other means .*: g\\+\\+ cmake ninja-build make git ")
