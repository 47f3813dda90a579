joulecast estimate resnet50 --method mlco2 --hardware v100-sxm2-32gb --hours 10 --grid FR |
  sed -n '1,9p'
