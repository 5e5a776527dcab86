# Sourced by scripts/install and scripts/uninstall: each step looks first, and says in one line what it does.

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
step() { printf '• %s\n' "$*"; }

# Change something; or, with --dry-run, say what would be changed.
run() {
  if [ -n "$dry_run" ]; then printf '    %s\n' "$*"; else "$@"; fi
}

# A line for each thing that was changed, kept in a file since `put` often stands at the end of a pipe.
changes=$(mktemp)
trap 'rm -f "$changes"' EXIT

# put MODE OWNER:GROUP FILE : write standard input to the file, unless it says that already. Ownership is left out under
# --root.
put() {
  local mode=$1 owner=$2 file=$3 text
  text=$(cat; echo .)
  if printf '%s' "${text%.}" | cmp -s - "$file"; then return; fi
  if [ -n "$dry_run" ]; then printf '    write %s (%s %s)\n' "$file" "$mode" "$owner"; return; fi
  mkdir -p "${file%/*}"
  (umask 077 && printf '%s' "${text%.}" >"$file.new")
  chmod "$mode" "$file.new"
  [ -n "$root" ] || chown "$owner" "$file.new"
  mv "$file.new" "$file"
  echo "$file" >>"$changes"
}

# directory MODE OWNER:GROUP PATH
directory() {
  run mkdir -p "$3"
  [ -n "$root" ] || run chown "$2" "$3"
  run chmod "$1" "$3"
}

systemd_runs() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

require_root() { [ "$(id -u)" = 0 ] || fail "only root may do this: sudo $0"; }

require_debian() {
  local ID= VERSION_ID=
  if [ -e /etc/os-release ]; then . /etc/os-release; fi
  if [ "$ID" != debian ] || [ "${VERSION_ID%%.*}" -lt 12 ]; then
    say "this is ${ID:-unknown} ${VERSION_ID:-}, and this script was tried on Debian 12: it goes on all the same"
  fi
}

# Which cluster, and what it listens on.
choose_cluster() {
  local found
  if [ -n "$root" ]; then
    cluster=${cluster:-15/main} port=5432 cluster_user=postgres
    return
  fi
  command -v pg_lsclusters >/dev/null ||
    fail "there is no pg_lsclusters: install postgresql first, or make the cluster with Debian's tools"
  found=$(pg_lsclusters --no-header | awk '{print $1 "/" $2}')
  if [ -z "$cluster" ]; then
    [ -n "$found" ] || fail "there is no cluster on this host: make one with pg_createcluster 15 main --start"
    [ "$(wc -l <<<"$found")" = 1 ] || fail "there are several clusters ($(echo $found)): choose one with --cluster"
    cluster=$found
  fi
  read -r port cluster_status cluster_user < <(
    pg_lsclusters --no-header | awk -v wanted="$cluster" '$1 "/" $2 == wanted {print $3, $4, $5}'
  ) || fail "there is no cluster $cluster on this host: there is ${found:-none}"
}

# Where everything goes. With --instance the places carry the cluster's name, and so do the units.
name_places() {
  local at
  major=${cluster%%/*}
  cluster_files=$root/etc/postgresql/$cluster
  venv=$root/opt/capyd
  units=$root/etc/systemd/system
  at=${cluster/\//-}
  if [ -n "$instance" ]; then
    daemon_unit=capyd@$at.service pooler_unit=capyd-pooler@$at.service
    configuration=/etc/capyd/$at state=/var/lib/capyd/$at sockets=/run/capyd/$at
    pooler_files=/etc/pgbouncer/capyd-$at pooler_socket=/run/capyd-pooler/$at access_files=/var/lib/capyd-access/$at
  else
    daemon_unit=capyd.service pooler_unit=capyd-pooler.service
    configuration=/etc/capyd state=/var/lib/capyd sockets=/run/capyd
    pooler_files=/etc/pgbouncer/capyd pooler_socket=/run/capyd-pooler access_files=/var/lib/capyd-access
  fi
  secrets=$configuration/credentials
}

install_packages() {
  [ -z "$root" ] || return 0
  local package missing=()
  for package in pgbouncer python3-venv; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  step "install ${missing[*]}"
  run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  case " ${missing[*]} " in
    *" pgbouncer "*)
      # Debian starts an instance of its own, on the port that capyd's wants.
      if systemd_runs; then run systemctl disable --now pgbouncer; fi ;;
  esac
}

# The virtual environment, and capyd in it. The state is backed up before a version that is there is replaced.
install_python() {
  local wanted
  if [ -n "$python" ]; then
    step "use the virtual environment $python"
    run mkdir -p "${venv%/*}"
    [ "$python" = "$(readlink -f "$venv")" ] || run ln -sfn "$python" "$venv"
    return
  fi
  if [ -z "$wheel" ]; then
    step "build the wheel"
    run python3 -m venv "$clone/build/wheel-venv"
    # Of what is in the clone now alone; and the same clone gives the same wheel, byte for byte.
    run rm -rf "$clone/build/lib" "$clone/build/wheel"
    run env SOURCE_DATE_EPOCH=315532800 \
      "$clone/build/wheel-venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$clone/build/wheel" "$clone"
    [ -n "$dry_run" ] || wheel=$(ls -t "$clone"/build/wheel/capyd-*.whl | head -n 1)
  fi
  wanted=$(sha256sum <"${wheel:-/dev/null}")
  if [ "$(cat "$venv/wheel.sha256" 2>/dev/null)" = "$wanted" ]; then
    step "capyd $("$venv/bin/capyd" --version | awk '{print $NF}') is in $venv"
    return
  fi
  if [ -z "$root" ] && [ -x "$venv/bin/capyd" ] && [ -e "$state/capyd.sqlite" ]; then
    step "back up the state, before another version has it"
    run as_capyd "$venv/bin/capyd" backup-state --config "$configuration/capyd.toml"
  fi
  step "install ${wheel:-the wheel} into $venv"
  [ -x "$venv/bin/python" ] || run python3 -m venv "$venv"
  run "$venv/bin/pip" install --quiet --disable-pip-version-check --upgrade "$wheel"
  # A rebuilt wheel of the same version is another one all the same.
  run "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
  put 0644 root:root "$venv/wheel.sha256" <<<"$wanted"
  run mkdir -p "$root/usr/local/bin"
  run ln -sfn /opt/capyd/bin/capyd "$root/usr/local/bin/capyd"
}

install_users() {
  step "users capyd, capyd-pooler and capyd-http"
  put 0644 root:root "$root/etc/sysusers.d/capyd.conf" <"$clone/deploy/systemd/capyd.sysusers"
  [ -n "$root" ] || run systemd-sysusers /etc/sysusers.d/capyd.conf
}

install_units() {
  local unit
  step "units in $units"
  for unit in capyd.service capyd@.service capyd-pooler.service capyd-pooler@.service capyd-http.service; do
    put 0644 root:root "$units/$unit" <"$clone/deploy/systemd/$unit"
  done
  {
    cat "$clone/deploy/systemd/capyd.tmpfiles"
    if [ -n "$instance" ]; then
      echo "d $sockets 2750 capyd capyd-api -"
      echo "d $pooler_files 2750 capyd capyd-pooler -"
    fi
  } | put 0644 root:root "$root/etc/tmpfiles.d/capyd$([ -z "$instance" ] || echo "-${cluster/\//-}").conf"
  [ -n "$root" ] || run systemd-tmpfiles --create /etc/tmpfiles.d/capyd*.conf
  if systemd_runs; then run systemctl daemon-reload; fi
}

# Made once and kept: with another key no password in the state could be read.
install_secrets() {
  local file=$root$secrets
  step "secrets in $file"
  directory 0755 root:root "$root$configuration"
  directory 0750 root:capyd "$file"
  [ -e "$file/secret.key" ] || head -c 32 /dev/urandom | base64 | put 0640 root:capyd "$file/secret.key"
  [ -e "$file/pooler-console.password" ] ||
    head -c 18 /dev/urandom | base64 | tr -d '+/=' | put 0640 root:capyd "$file/pooler-console.password"
}

install_settings() {
  local file=$root$configuration/capyd.toml gateway=$root/etc/capyd/http.toml
  if [ -e "$file" ]; then
    step "$file stays as it is"
  else
    step "write $file"
    cluster_id=${cluster_id:-cls_$(od -An -N10 -tx1 /dev/urandom | tr -d ' \n')}
    render_settings | put 0644 root:root "$file"
  fi
  if [ -e "$gateway" ]; then
    step "$gateway stays as it is"
  else
    step "write $gateway"
    printf '%s\n' "listen_port = $http_port" "backend = \"unix:$sockets/api.sock\"" | put 0644 root:root "$gateway"
  fi
}

render_settings() {
  cat <<TOML
# Every other setting, with its meaning and default: deploy/capyd.toml.example
[cluster]
id = "$cluster_id"          # never changed: every object carries it
name = "${cluster/\//-}"
public_host = "$public_host"
direct_port = $port
pooled_port = $pooler_port
direct_ssl_mode = "$(direct_ssl_mode)"      # what PostgreSQL's listener does
# Pooled URLs say disable until [pooler] has tls_certificate_file and tls_key_file, and require from then on.

[state]
path = "$state/capyd.sqlite"
secret_key_file = "\$CREDENTIALS_DIRECTORY/secret.key"

[postgres]
socket_dir = "/var/run/postgresql"
port = $port
$([ "$major" -ge 16 ] || echo "ident_file = \"$access_files/pg_ident.conf\"")

[pooler]
config_dir = "$pooler_files"
socket_dir = "$pooler_socket"
port = $pooler_port
os_user = "capyd-pooler"
binary = "/usr/sbin/pgbouncer"
console_password_file = "\$CREDENTIALS_DIRECTORY/pooler-console.password"

[listen]
admin_socket = "$sockets/admin.sock"
api_socket = "$sockets/api.sock"
TOML
}

direct_ssl_mode() {
  if [ -z "$root" ] && [ -z "$dry_run" ] && [ "$(query "SHOW ssl")" = on ]; then echo require; else echo prefer; fi
}

# Ask PostgreSQL as its own superuser.
query() {
  runuser -u "$cluster_user" -- psql -X -qAt -v ON_ERROR_STOP=1 -p "$port" -d postgres -c "$1"
}

as_capyd() {
  runuser -u capyd -- env "CREDENTIALS_DIRECTORY=$secrets" "$@"
}

# The role, and the lines by which capyd and the pooler get in. A reload; no restart, and no session ends.
install_access() {
  local ident=$cluster_files/pg_ident.conf
  [ -z "$root" ] || return 0
  step "role capyd in the cluster: a superuser, who can log in over the Unix socket alone"
  if [ -n "$dry_run" ]; then
    run psql -c "CREATE ROLE capyd SUPERUSER LOGIN"
  else
    case $(query "SELECT rolsuper AND rolcanlogin FROM pg_roles WHERE rolname = 'capyd'") in
      "") query "CREATE ROLE capyd SUPERUSER LOGIN" ;;
      f) fail "there is a role capyd that is no superuser or cannot log in: rename it, or ALTER ROLE capyd SUPERUSER LOGIN" ;;
    esac
  fi
  if [ "$major" -lt 16 ] && [ ! -L "$ident" ]; then
    # PostgreSQL 15 needs a line there for each login: the file moves to where capyd may replace it.
    step "move $ident to $access_files, with a link where it was"
    directory 2750 "capyd:$cluster_user" "$access_files"
    run cp "$ident" "$access_files/pg_ident.conf"
    run chown "capyd:$cluster_user" "$access_files/pg_ident.conf"
    run chmod 0640 "$access_files/pg_ident.conf"
    run ln -sfn "$access_files/pg_ident.conf" "$ident"
  fi
  step "capyd's lines in $cluster_files/pg_hba.conf and pg_ident.conf"
  run "$venv/bin/capyd" setup access --hba "$cluster_files/pg_hba.conf" --ident "$ident" --major "$major"
  [ -n "$dry_run" ] || query "SELECT pg_reload_conf()" >/dev/null
}

install_pooler_files() {
  [ -z "$root" ] || return 0
  step "the pooler's first configuration in $pooler_files"
  run as_capyd "$venv/bin/capyd" setup pooler --config "$configuration/capyd.toml"
}

start_units() {
  local target="unix:$sockets/admin.sock"
  if [ -z "$start" ] || ! systemd_runs; then
    [ -n "$root" ] || say "not started; to do so: systemctl enable --now $pooler_unit $daemon_unit capyd-http.service"
    return 0
  fi
  step "start $pooler_unit, $daemon_unit and capyd-http.service"
  run systemctl enable --quiet "$pooler_unit" "$daemon_unit" capyd-http.service
  if [ -s "$changes" ]; then
    run systemctl restart "$pooler_unit" "$daemon_unit" capyd-http.service
  else
    run systemctl start "$pooler_unit" "$daemon_unit" capyd-http.service
  fi
  say ""
  say "An organization, and a key for it:"
  say "  capyd orgs create 'My organization'$([ -z "$instance" ] || echo " --target $target")"
  say "  capyd keys create --organization org_... --name first --scope '*'"
}

stop_units() {
  systemd_runs || return 0
  step "stop the units"
  run systemctl disable --now "$daemon_unit" "$pooler_unit" || true
  [ -n "$(other_instances)" ] || run systemctl disable --now capyd-http.service || true
}

# The daemons of other clusters, which need the units and the virtual environment still.
other_instances() {
  find "$root/etc/capyd" -mindepth 1 -maxdepth 2 -name capyd.toml ! -path "$root$configuration/capyd.toml" 2>/dev/null
}

remove_access() {
  [ -z "$root" ] || return 0
  local ident=$cluster_files/pg_ident.conf
  step "take capyd's lines out of $cluster_files/pg_hba.conf and pg_ident.conf"
  if [ -x "$venv/bin/capyd" ]; then
    run "$venv/bin/capyd" setup access --hba "$cluster_files/pg_hba.conf" --ident "$ident" --major "$major" --remove
  fi
  if [ -L "$ident" ]; then
    run cp --remove-destination "$(readlink -f "$ident")" "$ident"
    run chown "$cluster_user:" "$ident"
  fi
  if [ -n "$dry_run" ]; then return 0; fi
  query "SELECT pg_reload_conf()" >/dev/null || say "PostgreSQL does not answer: it will read the files when it starts"
}

remove_units() {
  local file
  if [ -n "$(other_instances)" ]; then
    step "the units and $venv stay for the other clusters"
    return 0
  fi
  step "remove the units and $venv"
  for file in "$units"/capyd{,@,-pooler,-pooler@,-http}.service "$root"/etc/sysusers.d/capyd.conf \
    "$root"/etc/tmpfiles.d/capyd*.conf "$root/usr/local/bin/capyd"; do
    run rm -f "$file"
  done
  if [ -L "$venv" ]; then run rm -f "$venv"; else run rm -rf "$venv"; fi
  if systemd_runs; then run systemctl daemon-reload; fi
}

remove_state() {
  local directory
  step "remove the state, the secrets and the configuration"
  for directory in "$state" "$configuration" "$pooler_files" "$access_files"; do
    run rm -rf "$root$directory"
  done
}
