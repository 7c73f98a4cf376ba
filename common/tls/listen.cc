#include "common/tls/listen.h"

#include "common/tls/address.h"

namespace noroshi::tls {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

Error BindError(const std::string& address, const boost::system::error_code& error) {
  ErrorCode code = ErrorCode::kIo;
  if (error == asio::error::address_in_use) code = ErrorCode::kConflict;
  if (error == asio::error::access_denied) code = ErrorCode::kDenied;
  return Error{code, "listen on " + address + ": " + error.message()};
}

}  // namespace

Result<std::string> Listen(tcp::acceptor* acceptor, const std::string& address, int backlog) {
  NOROSHI_ASSIGN_OR_RETURN(const HostPort wanted, ParseHostPort(address));
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(wanted.host, error);
  if (error) {
    return Error{ErrorCode::kInvalid,
                 "listen address \"" + address + "\": the host must be an IP address"};
  }
  const tcp::endpoint endpoint(ip, wanted.port);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(backlog, error);
  if (error) return BindError(address, error);
  const auto bound = acceptor->local_endpoint(error);
  if (error) return BindError(address, error);
  return HostPort{bound.address().to_string(), bound.port()}.ToString();
}

}  // namespace noroshi::tls
