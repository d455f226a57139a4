# SPDX-License-Identifier: MIT
# Installs must so that find_package(must COMPONENTS ...) finds it; no dependency has to be there for that.
include(CMakePackageConfigHelpers)

set(must_config_dir "${CMAKE_INSTALL_DATADIR}/must")
foreach(name IN ITEMS must ${must_all_components})
  get_target_property(target must::${name} ALIASED_TARGET)
  install(TARGETS ${target} EXPORT must-${name} FILE_SET HEADERS)
  install(EXPORT must-${name} NAMESPACE must:: FILE must-${name}-targets.cmake DESTINATION "${must_config_dir}")
endforeach()

# For pkg-config: must.pc, and must-<component>.pc, which requires what that needs under the name that pkg-config knows.
set(must_pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${must_pc_dir}"
  OUTPUT_VARIABLE must_pc_to_prefix)
foreach(name IN ITEMS must ${must_all_components})
  set(must_pc_name ${name})
  set(must_pc_requires "")
  set(must_pc_description "${PROJECT_DESCRIPTION}")
  if(NOT name STREQUAL "must")
    set(must_pc_name must-${name})
    set(must_pc_requires "must = ${PROJECT_VERSION}, ${must_${name}_module}")
    string(APPEND must_pc_description ": the component ${name}")
  endif()
  configure_file("${CMAKE_CURRENT_LIST_DIR}/must.pc.in" ${must_pc_name}.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${must_pc_name}.pc" DESTINATION "${must_pc_dir}")
endforeach()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/must-config.cmake.in" must-config.cmake
  INSTALL_DESTINATION "${must_config_dir}" NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(must-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/must-config.cmake" "${CMAKE_CURRENT_BINARY_DIR}/must-config-version.cmake"
  DESTINATION "${must_config_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/must")
