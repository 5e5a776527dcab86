# Sourced by scripts/run, scripts/test and .ci/run: the virtual environment and the Debian packages they need.
# Everything that takes a while is one line on standard error; what it said goes to $log.

log=$(pwd)/build/environment.log
mkdir -p build

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Run a command as root, or say that this cannot be done.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
can_be_root() {
  [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# Run a stage with its output in the log; the log's end is shown when it fails.
stage() {
  local text=$1; shift
  say "• $text"
  "$@" >>"$log" 2>&1 || { tail -n 15 "$log" >&2; return 1; }
}

# ensure_packages PACKAGE... : install those Debian packages that are missing. Returns 1, with a sentence, when it cannot.
ensure_packages() {
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "${missing[*]}: missing, and there is no apt-get here: install the like of these Debian packages yourself"
    return 1
  fi
  if ! can_be_root; then
    say "${missing[*]}: missing, and only root may install packages: sudo apt-get install ${missing[*]}"
    return 1
  fi
  stage "install ${missing[*]} (log: $log)" install_quietly "${missing[@]}" ||
    { say "${missing[*]}: could not be installed"; return 1; }
}

# Install packages without a question, and without the services that some of them bring: no pgbouncer on 6432 and
# no cluster `main` on 5432, now or after the next boot.
install_quietly() (
  policy=/usr/sbin/policy-rc.d
  clusters=/etc/postgresql-common/createcluster.d/00-capyd-no-main.conf
  ours=()
  trap '[ ${#ours[@]} -eq 0 ] || as_root rm -f "${ours[@]}"' EXIT
  if [ ! -e $policy ]; then
    ours+=($policy)
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
  fi
  ours+=($clusters)
  as_root mkdir -p "${clusters%/*}"
  echo 'create_main_cluster = false' | as_root tee $clusters >/dev/null
  install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends
    -o DPkg::Lock::Timeout=120 "$@")
  # The package lists may be absent (a bare image) or too old: only then are they fetched.
  as_root "${install[@]}" || { as_root apt-get update && as_root "${install[@]}"; } || exit 1
  for unit in pgbouncer postgresql; do
    case " $* " in
      *" $unit"*) if command -v systemctl >/dev/null; then as_root systemctl disable "$unit" || true; fi ;;
    esac
  done
)

# Where programs that were built for the tests are kept, outside of the clone.
pgbouncer_cache() {
  local default=${XDG_CACHE_HOME:-$HOME/.cache}/capyd
  [ "$(id -u)" != 0 ] || default=/var/cache/capyd
  printf '%s\n' "${CAPYD_CACHE:-$default}"
}

# Print a Python of 3.11 or newer that can make virtual environments, or nothing.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if "$candidate" -c "import $1, sys; raise SystemExit(sys.version_info < (3, 11))" >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
}

# ensure_venv EXTRAS : make .venv with this project and these extras, unless it is there and up to date.
ensure_venv() {
  local extras=$1 stamp wanted python
  # One at a time: the lock is on the directory itself, and goes with this shell.
  exec 9<.
  flock 9
  stamp=.venv/stamp-$extras
  if [ -x .venv/bin/python ]; then
    wanted=$(venv_state)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then exec 9<&-; return; fi
  fi
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || [ "$(cat .venv/home 2>/dev/null || pwd)" != "$(pwd)" ]; then
    python=$(find_python ensurepip)
    if [ -z "$python" ]; then
      [ -n "$(find_python sys)" ] || fail "Python 3.11 or newer is needed, and no python3 on PATH is: install one"
      ensure_packages python3-venv || fail "Without it Python's ensurepip is missing, and no virtual environment can be made"
      python=$(find_python ensurepip)
      [ -n "$python" ] || fail "This Python cannot make virtual environments (no module ensurepip): install its venv package"
    fi
    stage "make .venv with $python" "$python" -m venv --clear .venv || fail "The virtual environment could not be made"
    pwd >.venv/home
  fi
  stage "install capyd[$extras] into .venv (log: $log)" \
    .venv/bin/python -m pip install --disable-pip-version-check --editable ".[$extras]" ||
    fail "The Python packages could not be installed; pip's whole log: $log"
  venv_state >"$stamp"
  exec 9<&-
}

# ensure_node_postgres : install node-postgres, as locked, beside the tests that use it. Returns 1 when it cannot.
ensure_node_postgres() {
  local directory=tests/stack/drivers/node
  local lock=$directory/package-lock.json stamp=$directory/node_modules/stamp
  if cmp -s "$lock" "$stamp"; then return; fi
  PATH=$PWD/.venv/bin:$PATH stage "install node-postgres (log: $log)" \
    npm ci --prefix "$directory" --no-audit --no-fund --ignore-scripts || return 1
  cp "$lock" "$stamp"
}

# What the packages in .venv depend on: the project's file, the Python, and where the clone is.
venv_state() {
  { sha256sum <pyproject.toml; .venv/bin/python -V; pwd; } | sha256sum
}
