# packages.cmake - the Debian packages that do what tame does not exist for.
# docs/decisions/ says why each was chosen; ./dev setup installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(GMP REQUIRED IMPORTED_TARGET gmp)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)

# What each floor may link beside the floors below it.
set(LAYER_PACKAGES_base Threads::Threads PkgConfig::CRYPTO)
set(LAYER_PACKAGES_format PkgConfig::JANSSON PkgConfig::YAML)
set(LAYER_PACKAGES_text PkgConfig::PCRE2 PkgConfig::UTF8PROC)
set(LAYER_PACKAGES_data PkgConfig::ARCHIVE PkgConfig::SQLITE)
set(LAYER_PACKAGES_think PkgConfig::CURL PkgConfig::GMP PkgConfig::SECCOMP)
set(LAYER_PACKAGES_cli PkgConfig::EDIT)

if(TAME_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS C)
endif()
