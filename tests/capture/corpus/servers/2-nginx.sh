openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=www.lab -keyout /srv/key.pem -out /srv/cert.pem 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=ec.lab \
    -keyout /srv/eckey.pem -out /srv/eccert.pem 2>/dev/null
cat > /srv/nginx.conf <<'NGINX'
events {}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    gzip on; gzip_min_length 20; gzip_types text/css application/javascript application/json text/xml;
    dav_methods_on_none off;
    server {
        listen 80; listen 443 ssl http2; root /srv/www;
        ssl_certificate /srv/cert.pem; ssl_certificate_key /srv/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
        location /old { return 301 /index.html; }
        location /moved { return 302 http://www.lab/a.txt; }
        location /secret { auth_basic "closed"; auth_basic_user_file /srv/users; }
        location /teapot { return 418 "short and stout"; }
        location /broken { return 500; }
        location /list/ { alias /srv/www/; autoindex on; }
        location /none { return 204; }
        location /slow { alias /srv/www/; limit_rate 40k; }
        location /app/ { proxy_pass http://127.0.0.1:8080/; proxy_http_version 1.1; proxy_buffering off; }
    }
}
NGINX
sed -i /dav_methods_on_none/d /srv/nginx.conf
echo 'user:{PLAIN}pass' > /srv/users
nginx -c /srv/nginx.conf
