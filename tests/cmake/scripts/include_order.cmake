# SPDX-License-Identifier: MIT
# The headers of must stand on levels. A header includes headers of its own level and of those below, never of one above,
# and no header reaches itself by way of others. .github/CONTRIBUTING.md states the same.
# cmake -D include=<folder> -P include_order.cmake
cmake_policy(VERSION 3.25)

# From the lowest level up, regexes of what stands there, below must/. The first that matches a header counts.
set(levels
  "(avro|command|detail|text)/.*"
  "(as_of|command|config|decision|error|event|fwd|limits|metadata|observer|one_of|options|origin|processed|query|record|result|stored_names|stream_version|timestamp|uuid|version)\\.hpp"
  "storage\\.hpp|storage/(abilities|transactional|waitable)\\.hpp"
  "(http|storage/kit)/.*"
  "storage/index/.*"
  "codec/.*"
  "(append|load|must|process_command)\\.hpp|process_command/.*"
  "cloudevents(\\.hpp|/.*)"
  "storage/.*"
  "subscription(s?\\.hpp|/.*)"
  "(delivery|model)(\\.hpp|/.*)"
  "testing(\\.hpp|/.*)")
set(one_level 1)  # the first two are one level: what everybody uses, and the words

file(GLOB_RECURSE headers RELATIVE "${include}/must" "${include}/must/*.hpp")
list(SORT headers)
foreach(header IN LISTS headers)
  set(level 0)
  foreach(regex IN LISTS levels)
    if(header MATCHES "^(${regex})$")
      break()
    endif()
    math(EXPR level "${level} + 1")
  endforeach()
  list(LENGTH levels count)
  if(level EQUAL count)
    message(SEND_ERROR "must/${header} stands on no level: name it in include_order.cmake and in CONTRIBUTING.md")
  elseif(level LESS one_level)
    set(level ${one_level})
  endif()
  set("level/${header}" ${level})
  file(STRINGS "${include}/must/${header}" lines REGEX "^ *# *include +[\"<]must/[^\">]+\\.hpp[\">]")
  list(TRANSFORM lines REPLACE ".*[\"<]must/([^\">]+)[\">].*" "\\1")
  set("includes/${header}" ${lines})
endforeach()

foreach(header IN LISTS headers)
  foreach(other IN LISTS "includes/${header}")
    if(NOT other IN_LIST headers)
      message(SEND_ERROR "must/${header} includes must/${other}, which is not there")
    elseif("${level/${other}}" GREATER "${level/${header}}")
      message(SEND_ERROR "must/${header} goes up to must/${other}")
    endif()
  endforeach()
endforeach()

# What includes nothing that is left is taken away, until nothing is left, or only what goes round.
set(left ${headers})
set(taken "some")
while(taken)
  set(taken "")
  foreach(header IN LISTS left)
    set(waits FALSE)
    foreach(other IN LISTS "includes/${header}")
      if(other IN_LIST left)
        set(waits TRUE)
        break()
      endif()
    endforeach()
    if(NOT waits)
      list(APPEND taken "${header}")
    endif()
  endforeach()
  if(taken)
    list(REMOVE_ITEM left ${taken})
  endif()
endwhile()
if(left)
  list(JOIN left " " left)
  message(SEND_ERROR "the includes of these go round, or reach what does: ${left}")
endif()
list(LENGTH headers count)
message(STATUS "${count} headers")
if(count EQUAL 0)
  message(SEND_ERROR "there are no headers in ${include}")
endif()
