mkdir -p "$XDG_CONFIG_HOME/joulecast"
hardware=$XDG_CONFIG_HOME/joulecast/hardware.json
estimate() { joulecast estimate lenet5_28 --method roofline --hardware t4 "$@" >/dev/null || echo $?; }
echo '{"schema": "joulecast.hardware/1", "rows": [' >"$hardware"
estimate
joulecast list hardware || echo $?
echo '{"schema": "joulecast.hardware/1", "rows": [{"name": "t4", "kind": "gpu", "tdp_w": "70"}]}' >"$hardware"
estimate
rm "$hardware" && mkdir "$hardware"
estimate
rmdir "$hardware"
echo '{"schema": "joulecast.grid/1", "rows": [{"name": "DE", "grid_g_per_kwh": 0.35}]}' >"$XDG_CONFIG_HOME/joulecast/grid.json"
estimate --grid FR
joulecast list grids || echo $?
