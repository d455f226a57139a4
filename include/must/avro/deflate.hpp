// SPDX-License-Identifier: MIT
// The codec "deflate" of Avro's container files, by zlib: blocks as RFC 1951 writes them, without a header or a
// checksum.
#pragma once

#include "must/avro/decode.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <string>
#include <string_view>

namespace must::detail::avro {

inline constexpr std::string_view deflate_codec = "deflate";
// What zlib calls a stream without a header whose window has 32 KiB.
inline constexpr int zlib_raw = -15;

// Gives zlib the bytes of a stream, of which it takes fewer than 4 GiB at once, until `step()` has nothing left to do.
template <typename Step>
void feed_zlib(::z_stream& stream, std::string_view bytes, std::string& out, std::size_t room, Step&& step) {
  constexpr std::size_t most = std::numeric_limits<unsigned>::max();
  out.resize(room);
  std::size_t taken = 0, made = 0;
  for (;;) {
    if (made == out.size()) out.resize(2 * out.size() + 64);
    const auto in = std::min(most, bytes.size() - taken), free = std::min(most, out.size() - made);
    // zlib does not write to its input.
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data() + taken));
    stream.avail_in = static_cast<unsigned>(in);
    stream.next_out = reinterpret_cast<unsigned char*>(out.data() + made);
    stream.avail_out = static_cast<unsigned>(free);
    const bool goes_on = step(taken + in == bytes.size());
    taken += in - stream.avail_in;
    made += free - stream.avail_out;
    if (!goes_on) break;
  }
  out.resize(made);
}

// Deflates blocks, one at a time. One thread at a time uses it.
class deflater {
 public:
  // `level` is 1, the fastest, to 9, the smallest.
  explicit deflater(int level = 6) {
    if (::deflateInit2(&stream_, level, Z_DEFLATED, zlib_raw, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  }
  deflater(const deflater&) = delete;
  deflater& operator=(const deflater&) = delete;
  ~deflater() { ::deflateEnd(&stream_); }

  [[nodiscard]] std::string deflate(std::string_view block) {
    ::deflateReset(&stream_);
    std::string out;
    feed_zlib(stream_, block, out, ::deflateBound(&stream_, static_cast<unsigned long>(block.size())),
              [&](bool is_last) { return ::deflate(&stream_, is_last ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_END; });
    return out;
  }

 private:
  ::z_stream stream_{};
};

// Inflates blocks, one at a time. One thread at a time uses it.
class inflater {
 public:
  // `most` is the size to which a block may grow.
  explicit inflater(std::size_t most) : most_(most) {
    if (::inflateInit2(&stream_, zlib_raw) != Z_OK) throw std::bad_alloc();
  }
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;
  ~inflater() { ::inflateEnd(&stream_); }

  // Returns a block as it was before it was deflated, or throws malformed when it is damaged or grows beyond the bound.
  // `offset` is the place of the block in the document. It takes no more memory than twice the bound.
  [[nodiscard]] std::string inflate(std::string_view block, std::size_t offset) {
    ::inflateReset(&stream_);
    const auto at = [&] { return offset + static_cast<std::size_t>(stream_.total_in); };
    const auto grown = [&] { return static_cast<std::size_t>(stream_.total_out); };
    std::string out;
    feed_zlib(stream_, block, out, std::min(most_, 4 * std::min(most_, block.size())) + 1, [&](bool) {
      const auto said = ::inflate(&stream_, Z_NO_FLUSH);
      if (said == Z_MEM_ERROR) throw std::bad_alloc();
      if (grown() > most_)
        throw malformed("has a block that inflates to more than " + std::to_string(most_) + " bytes", offset);
      if (said == Z_STREAM_END) return false;
      if (said == Z_BUF_ERROR && stream_.avail_out > 0) throw malformed("has a deflated block that is cut off", at());
      if (said != Z_OK && said != Z_BUF_ERROR) throw malformed("has a deflated block that is damaged", at());
      return true;
    });
    if (stream_.total_in != block.size()) throw malformed("has a deflated block with bytes behind its end", at());
    return out;
  }

 private:
  std::size_t most_;
  ::z_stream stream_{};
};

}  // namespace must::detail::avro
