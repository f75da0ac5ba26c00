// Asio's bodies, compiled once: what includes it only declares them (ASIO_SEPARATE_COMPILATION).
#include <asio/impl/src.hpp>
