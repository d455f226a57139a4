// SPDX-License-Identifier: MIT
// The signature of a request that Amazon's services and those like them ask for: AWS4-HMAC-SHA256, version 4.
#pragma once

#include "must/http/hmac_sha256.hpp"
#include "must/http/message.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::http {

// What stands for the digest of a body that is not signed.
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

// Encodes every byte but letters, digits and "-._~", and '/' if `keeps_slash` says so.
inline std::string percent_encoded(std::string_view text, bool keeps_slash = false) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '.' || c == '_' || c == '~' || (keeps_slash && c == '/');
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain)
      encoded += c;
    else
      ((encoded += '%') += digits[byte >> 4U]) += digits[byte & 15U];
  }
  return encoded;
}

// Returns the parameters encoded and in the order in which they are signed, without a '?'.
inline std::string canonical_query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(parameters.size());
  for (const auto& [name, value] : parameters) encoded.emplace_back(percent_encoded(name), percent_encoded(value));
  std::sort(encoded.begin(), encoded.end());
  std::string query;
  for (const auto& [name, value] : encoded) ((((query += query.empty() ? "" : "&") += name) += '=') += value);
  return query;
}

struct signing_key {
  std::string access_key{}, secret_key{};
};

struct signing_scope {
  // The time in UTC, such as "20130524T000000Z".
  std::string time{};
  std::string region{};
  std::string service = "s3";

  [[nodiscard]] std::string text() const { return time.substr(0, 8) + '/' + region + '/' + service + "/aws4_request"; }
};

// Returns the value of a header without blanks around it, and with one blank for each run of blanks.
inline std::string trimmed(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c != ' ' && c != '\t')
      text += c;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// Returns the names of the signed headers, and what is signed. Every header of the request is signed. Its target is
// encoded by percent_encoded and canonical_query.
inline std::pair<std::string, std::string> canonical_request(const request& signs, std::string_view payload) {
  const auto question = signs.target.find('?');
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : signs.headers) {
    std::string small(name);
    std::transform(small.begin(), small.end(), small.begin(), lower);
    headers.emplace_back(std::move(small), trimmed(value));
  }
  std::sort(headers.begin(), headers.end());
  std::string names, lines;
  for (const auto& [name, value] : headers) {
    (names += names.empty() ? "" : ";") += name;
    (((lines += name) += ':') += value) += '\n';
  }
  std::string text = signs.method + '\n' + signs.target.substr(0, question) + '\n';
  if (question != std::string::npos) text += signs.target.substr(question + 1);
  ((((((text += '\n') += lines) += '\n') += names) += '\n') += payload);
  return {std::move(names), std::move(text)};
}

// Returns the value of the header Authorization. The payload is the digest of the body in hexadecimal digits, or
// unsigned_payload.
inline std::string authorization(const request& signs, std::string_view payload, const signing_key& key,
                                 const signing_scope& scope) {
  const auto [names, text] = canonical_request(signs, payload);
  const auto to_sign = "AWS4-HMAC-SHA256\n" + scope.time + '\n' + scope.text() + '\n' + to_hex(sha256_of(text));
  auto derived = hmac_sha256("AWS4" + key.secret_key, std::string_view(scope.time).substr(0, 8));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")})
    derived = hmac_sha256(bytes_of(derived), part);
  return "AWS4-HMAC-SHA256 Credential=" + key.access_key + '/' + scope.text() + ",SignedHeaders=" + names +
         ",Signature=" + to_hex(hmac_sha256(bytes_of(derived), to_sign));
}

}  // namespace must::detail::http
