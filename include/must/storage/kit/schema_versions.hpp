// SPDX-License-Identifier: MIT
// What a stored schema says of the releases that may use it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace must::kit {

/// The uses of a store of another release.
enum class schema_use : std::uint8_t {
  read,  ///< Events and cells are read.
  write  ///< Events and cells are written.
};

/// Returns the sentence that says why a release may not use a schema, or nothing when it may.
///
/// \param use     what is done with the store
/// \param needed  the version that the schema asks for: its min_reader to read, its min_writer to write
/// \param own     the version of the schema that this release makes
[[nodiscard]] inline std::optional<std::string> why_not_usable(schema_use use, std::int64_t needed, std::int64_t own) {
  if (needed <= own) return std::nullopt;
  const bool reads = use == schema_use::read;
  return std::string("the schema needs a ") + (reads ? "reader" : "writer") + " of version " + std::to_string(needed) +
         " at least; this release of must " + (reads ? "reads" : "writes") + " version " + std::to_string(own);
}

}  // namespace must::kit
