#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "identity/asserted_source.hpp"
#include "identity/managed_identity.hpp"

namespace cordon::identity {

// The three ways to a federated assertion (mde-api §2.4); what they give is sent as it is.

/// From a file that somebody else renews (Kubernetes), read for every request.
class FileAssertion final : public AssertionMaker {
 public:
  /// `place`: where the config names the file.
  FileAssertion(std::string path, std::string place) : path_(std::move(path)), place_(std::move(place)) {}
  loop::Task<Result<Secret>> make(std::string audience, UtcTicks now, loop::Scope &scope) override;
  std::string fingerprint(const TokenEndpoint &endpoint) const override;
  std::optional<Error> problem() const override;

 private:
  std::string path_, place_;
};

/// Printed by a program of the operator's, see HelperProcess.
class HelperAssertion final : public AssertionMaker {
 public:
  HelperAssertion(std::vector<std::string> argv, milliseconds timeout, std::string place)
      : argv_(std::move(argv)), timeout_(timeout), place_(std::move(place)) {}
  loop::Task<Result<Secret>> make(std::string audience, UtcTicks now, loop::Scope &scope) override;
  std::string fingerprint(const TokenEndpoint &endpoint) const override;

 private:
  std::vector<std::string> argv_;
  milliseconds timeout_;
  std::string place_;
};

/// The token of a managed identity, made out for the exchange.
class IdentityAssertion final : public AssertionMaker {
 public:
  IdentityAssertion(ManagedIdentity identity, std::string exchange_audience)
      : identity_(std::move(identity)), exchange_audience_(std::move(exchange_audience)) {}
  loop::Task<Result<Secret>> make(std::string audience, UtcTicks now, loop::Scope &scope) override;
  std::string fingerprint(const TokenEndpoint &endpoint) const override;

 private:
  ManagedIdentity identity_;
  std::string exchange_audience_;
};

}  // namespace cordon::identity
