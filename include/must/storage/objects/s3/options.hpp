// SPDX-License-Identifier: MIT
// Which bucket an s3_objects uses, and by whose name.
#pragma once

#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace must {

/// The keys of an account of S3. No message repeats any of them.
struct s3_credentials {
  std::string access_key{};     ///< The id of the key, AWS_ACCESS_KEY_ID in the environment.
  std::string secret_key{};     ///< The secret key, AWS_SECRET_ACCESS_KEY in the environment.
  std::string session_token{};  ///< The token of temporary keys, AWS_SESSION_TOKEN in the environment. May be empty.
};

/// Where the name of a bucket stands in the address of an object.
enum class s3_addressing : std::uint8_t {
  path,         ///< https://host/bucket/key, which every server takes.
  virtual_host  ///< https://bucket.host/key, which Amazon asks for in its newer regions.
};

/// The options of s3_objects: which bucket it uses, and how.
///
/// Spans are must::duration, which counts microseconds.
struct s3_options {
  /// The address of the server, such as "http://127.0.0.1:9000". Empty for that of Amazon in `region`.
  std::string endpoint{};
  /// The region of the bucket.
  std::string region = "us-east-1";
  /// The name of the bucket, which exists: 3 to 63 lower-case letters, digits, dots and hyphens.
  std::string bucket{};
  /// What every key in the bucket begins with, such as "shop/". At most 256 bytes of UTF-8.
  std::string prefix{};
  /// The keys of the account. Where access_key is empty, `renew` gives them, or else the environment.
  s3_credentials credentials{};
  /// Returns new keys: at first when there are none, and each time the server says that they have expired. One thread
  /// calls it at a time. What it throws passes through the operation that needs the keys.
  std::function<s3_credentials()> renew{};
  /// Where the name of the bucket stands.
  s3_addressing addressing = s3_addressing::path;
  /// Whether the signature covers the bytes of an object, too. Without TLS it does in any case.
  bool signs_payload = true;
  /// A file of certificates that are trusted in place of the system's. Empty for the system's.
  std::string ca_file{};
  /// The highest number of connections that are open at once. 0 counts as 1.
  std::size_t connections = 64;
  /// The longest time that it may take to connect, 5 seconds by default.
  must::duration connect_timeout{5'000'000};
  /// The longest time of one request with its answer, 30 seconds by default.
  must::duration timeout{30'000'000};
  /// The highest number of requests that one operation makes when the server is busy. 0 counts as 1.
  unsigned attempts = 8;
};

}  // namespace must
