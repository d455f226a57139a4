# SPDX-License-Identifier: MIT
"""Conan 2 recipe: `conan create cmake/conan` packages the checkout that it stands in."""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

# What each component needs of Conan, as a reference and as a requirement.
COMPONENTS = {
    "json": ("nlohmann_json/[>=3.10 <4]", "nlohmann_json::nlohmann_json"),
    "sqlite": ("sqlite3/[>=3.37 <4]", "sqlite3::sqlite3"),
    "postgres": ("libpq/[>=13 <18]", "libpq::libpq"),
    "avro": ("zlib/[>=1.2.11 <2]", "zlib::zlib"),
    "s3": ("libcurl/[>=7.80 <9]", "libcurl::libcurl"),
}


class MustConan(ConanFile):
    name = "must"
    description = "Event sourcing in C++20, header-only"
    license = "MIT"
    url = "https://github.com/must-cpp/must"
    homepage = "https://github.com/must-cpp/must"
    topics = ("event-sourcing", "cqrs", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {component: [True, False] for component in COMPONENTS}
    default_options = {component: False for component in COMPONENTS}
    no_copy_source = True

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        text = load(self, os.path.join(self._checkout, "include", "must", "version.hpp"))
        self.version = ".".join(re.findall(r"^#define MUST_VERSION_[A-Z]+ (\d+)", text, re.MULTILINE))

    def export_sources(self):
        copy(self, "include/must/*", self._checkout, self.export_sources_folder)
        copy(self, "LICENSE", self._checkout, self.export_sources_folder)

    def requirements(self):
        for component, (package, _) in COMPONENTS.items():
            if self.options.get_safe(component):
                self.requires(package, transitive_headers=True)

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def package_id(self):
        self.info.settings.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "include/*", self.source_folder, self.package_folder)

    def package_info(self):
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        for name in ["must", *(name for name in COMPONENTS if self.options.get_safe(name))]:
            component = self.cpp_info.components[name]
            component.bindirs = component.libdirs = []
            component.set_property("cmake_target_name", f"must::{name}")
            component.set_property("pkg_config_name", "must" if name == "must" else f"must-{name}")
            if name != "must":
                component.requires = ["must", COMPONENTS[name][1]]
