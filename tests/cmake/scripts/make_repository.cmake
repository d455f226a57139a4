# SPDX-License-Identifier: MIT
# Makes the git repository `to`, whose branch main holds what users get of the checkout `from`; removes its clones.
# cmake -D git=... -D from=... -D to=... -D clones=... -P make_repository.cmake
file(REMOVE_RECURSE "${to}" "${clones}")
foreach(part IN ITEMS CMakeLists.txt LICENSE cmake examples include)
  file(COPY "${from}/${part}" DESTINATION "${to}")
endforeach()
foreach(arguments IN ITEMS "init;--quiet;--initial-branch=main" "add;." "commit;--quiet;--message=must")
  execute_process(COMMAND "${git}" -c user.name=must -c user.email=must@example.org -c commit.gpgsign=false ${arguments}
    WORKING_DIRECTORY "${to}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
