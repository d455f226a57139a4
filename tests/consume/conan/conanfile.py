# SPDX-License-Identifier: MIT
"""Stands in for a package that must needs of Conan: what the system has installed."""

from conan import ConanFile

LIBRARIES = {"nlohmann_json": [], "sqlite3": ["sqlite3"], "libpq": ["pq"], "zlib": ["z"], "libcurl": ["curl"]}


class System(ConanFile):
    package_type = "header-library"

    def package_info(self):
        self.cpp_info.includedirs = self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.system_libs = LIBRARIES[self.name]
