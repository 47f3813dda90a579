joulecast list layers --format json | sed -n '/"linear"/,/\]/p'
