set(VCPKG_BUILD_TYPE release) # header-only

# The checkout that this port stands in; elsewhere, the release.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)
if(NOT EXISTS "${SOURCE_PATH}/include/must/version.hpp")
    vcpkg_from_github(
        OUT_SOURCE_PATH SOURCE_PATH
        REPO must-cpp/must
        REF "v${VERSION}"
        SHA512 0 # vcpkg says which it is
        HEAD_REF main
    )
endif()

# Every component is installed; a feature brings what one needs.
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DMUST_BUILD_TESTS=OFF
        -DMUST_BUILD_EXAMPLES=OFF
        -DMUST_COMPONENTS=
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses" "${CURRENT_PACKAGES_DIR}/share/pkgconfig")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
