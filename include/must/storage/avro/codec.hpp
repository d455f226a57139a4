// SPDX-License-Identifier: MIT
// The objects of a block as the codec of their file keeps them.
#pragma once

#include "must/avro/deflate.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/kit/validate.hpp"

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace must::detail::avro_log {

// The most bytes of a block that is deflated, which bounds what a damaged one takes.
inline constexpr std::size_t most_deflated = std::size_t{1} << 30U;

// Any number of threads may use one.
class packer {
 public:
  [[nodiscard]] std::string pack(std::string objects, avro_codec codec) {
    if (codec == avro_codec::null) return objects;
    if (objects.size() > most_deflated)
      kit::refuse_input("events", "take " + std::to_string(objects.size()) + " bytes; a deflated block has up to " +
                                      std::to_string(most_deflated));
    const std::lock_guard lock(mutex_);
    if (!deflater_) deflater_.emplace();
    return deflater_->deflate(objects);
  }

 private:
  std::mutex mutex_{};
  std::optional<avro::deflater> deflater_{};
};

// One thread at a time uses it.
class unpacker {
 public:
  explicit unpacker(avro_codec codec) {
    if (codec == avro_codec::deflate) inflater_.emplace(most_deflated);
  }
  // Returns the objects, which are valid until the next call and as long as `bytes`. Throws malformed.
  [[nodiscard]] std::string_view unpack(std::string_view bytes) {
    if (!inflater_) return bytes;
    return objects_ = inflater_->inflate(bytes, 0);
  }

 private:
  std::optional<avro::inflater> inflater_{};
  std::string objects_{};
};

}  // namespace must::detail::avro_log
