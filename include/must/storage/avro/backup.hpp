// SPDX-License-Identifier: MIT
// Copies the commits of an Avro log into one file.
#pragma once

#include "must/avro/container.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/storage/avro/frames.hpp"
#include "must/storage/avro/growing_file.hpp"
#include "must/storage/avro/header.hpp"
#include "must/storage/avro/log.hpp"
#include "must/storage/avro/segments.hpp"

#include <fcntl.h>
#include <cstddef>
#include <cstdint>
#include <string>

namespace must::detail::avro_log {

// Copies the commits that are known into a file that is not there yet, as another incarnation. The blocks get the sync
// marker of the copy.
inline void copy_log(log_files& of, const std::string& path, std::uint64_t incarnation) {
  int code = 0;
  const auto to = posix::open_file(path, O_WRONLY | O_CREAT | O_EXCL, code);
  if (!to) raise(posix::failure(code, "backup", path));
  file_header made = of.header();
  made.incarnation = incarnation;
  made.sync = random_bytes(avro::sync_size);
  auto bytes = encode_header(made);
  std::uint64_t written = 0;
  const auto write = [&] {
    code = posix::write_at(to, bytes, written);
    if (code != 0) raise(posix::failure(code, "backup", path));
    written += bytes.size();
    bytes.clear();
  };
  constexpr std::size_t most = std::size_t{1} << 20U;
  of.each_file([&](const segment& from, std::uint64_t end) {
    frame_reader frames(from.file.file(), from.file.path(), from.header.sync, from.header.size, end);
    while (const auto read = frames.next()) {
      avro::append_block(bytes, {read->count, read->bytes}, made.sync);
      if (bytes.size() >= most) write();
    }
    if (frames.offset() != end) raise_damaged(from.file.path(), frames.offset(), "it ends too early", "backup");
  });
  write();
  code = posix::sync(to);
  if (code != 0) raise(posix::failure(code, "backup", path));
}

}  // namespace must::detail::avro_log
